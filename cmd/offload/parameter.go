// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
)

// parameter is one argument of a call as the command line says it.
type parameter struct {
	dir   runtime.Direction // 0: a plain value
	value any
	name  string
	heap  string // "": that of --heap
	path  string // of the file that is read (in, in-out) or written (out, in-out); "-" is standard input or output
	data  []byte // what is read, if there is no path
	size  int64  // of an output, or of zeros to read
}

// parameterFlag appends to the list of parameters, which several flags share: their order on the command line is that of
// the parameters.
type parameterFlag struct {
	list *[]parameter
	dir  runtime.Direction
}

func (parameterFlag) String() string { return "" }

func (f parameterFlag) Type() string {
	switch f.dir {
	case runtime.In:
		return "NAME=@FILE"
	case runtime.Out:
		return "NAME=@FILE:SIZE"
	case runtime.InOut:
		return "NAME=@FILE"
	}
	return "VALUE"
}

func (f parameterFlag) Set(s string) (err error) {
	p := parameter{dir: f.dir}
	if f.dir == 0 {
		p.value, err = parseValue(s)
	} else {
		err = p.parse(s)
	}
	if err != nil {
		return err
	}
	for _, q := range *f.list {
		if p.dir != 0 && q.name == p.name {
			return fmt.Errorf("there are two buffers %q", p.name)
		}
		if p.path == "-" && q.path == "-" && p.dir&runtime.In == q.dir&runtime.In {
			return errors.New("only one buffer can be read from standard input, and one written to standard output")
		}
	}
	*f.list = append(*f.list, p)
	return nil
}

// parse reads NAME[:HEAP]=WHAT.
func (p *parameter) parse(s string) (err error) {
	name, what, ok := strings.Cut(s, "=")
	if !ok || name == "" || what == "" {
		return errors.New("want NAME=@FILE")
	}
	p.name, p.heap, ok = strings.Cut(name, ":")
	if p.name == "" || ok && p.heap == "" {
		return errors.New("want NAME=… or NAME:HEAP=…")
	}
	file, isFile := strings.CutPrefix(what, "@")
	switch {
	case p.dir == runtime.Out && isFile:
		i := strings.LastIndexByte(file, ':')
		if i < 0 {
			return fmt.Errorf("%q: how long is the result? Write @FILE:SIZE", what)
		}
		p.path = file[:i]
		p.size, err = parseSize(file[i+1:])
	case isFile:
		p.path = file
	case isSize(what):
		p.size, err = parseSize(what)
	case p.dir == runtime.Out:
		return fmt.Errorf("%q: want @FILE:SIZE, or SIZE alone for a result that is not kept", what)
	case strings.HasPrefix(what, "s:"):
		p.data = []byte(what[2:])
	case strings.HasPrefix(what, "x:"):
		if p.data, err = hex.DecodeString(what[2:]); err != nil {
			err = fmt.Errorf("%q: hexadecimal bytes have an even number of digits 0-9a-f", what[2:])
		}
	default:
		return fmt.Errorf("%q: a file is @%s, text s:%s, bytes x:0a0b, and a number a size in zeros", what, what, what)
	}
	if err == nil && isFile && p.path == "" {
		err = errors.New("the file has no name")
	}
	if err == nil && p.path == "-" && p.dir == runtime.InOut {
		err = errors.New("standard input cannot be written back")
	}
	return err
}

// largestInput bounds what is read from pipes, which may never end.
const largestInput = 1 << 30

// load reads what goes into a buffer.
func (p *parameter) load(ctx context.Context, c *cli) ([]byte, error) {
	if p.path == "" {
		return append(make([]byte, p.size), p.data...), nil
	}
	var r io.Reader = c.stdin
	if p.path != "-" {
		f, err := os.Open(p.path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		defer f.Close()
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			b, err := io.ReadAll(f)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			return b, nil
		}
		r = f
	}
	b, err := readPipe(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	if len(b) > largestInput {
		return nil, fmt.Errorf("%s: @%s is no regular file and gives more than %s", p.name, p.path, size(largestInput))
	}
	return b, nil
}

// readPipe reads all that comes, or until ctx ends. Nothing can end a read from a terminal: it is left behind then, and ends
// with the process.
func readPipe(ctx context.Context, r io.Reader) ([]byte, error) {
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		b, err := io.ReadAll(io.LimitReader(r, largestInput+1))
		done <- result{b, err}
	}()
	select {
	case x := <-done:
		return x.b, x.err
	case <-ctx.Done():
		return nil, fmt.Errorf("reading: %w", ctx.Err())
	}
}

// writable looks whether the result can be written, before the work is done.
func (p *parameter) writable() error {
	if p.dir&runtime.Out == 0 || p.path == "" || p.path == "-" {
		return nil
	}
	dir := filepath.Dir(p.path)
	if st, err := os.Stat(p.path); err == nil && st.IsDir() {
		return fmt.Errorf("%s: %s is a directory", p.name, p.path)
	}
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("%s: cannot write %s: %w", p.name, p.path, err)
	}
	return nil
}

// store writes the result.
func (p *parameter) store(c *cli, b *runtime.Buffer, length int64) error {
	if p.dir&runtime.Out == 0 || p.path == "" {
		return nil
	}
	err := b.View(dmabuf.Read, func(all []byte) error {
		if p.path == "-" {
			_, err := c.stdout.Write(all[:length])
			return err
		}
		return os.WriteFile(p.path, all[:length], 0o666)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}
