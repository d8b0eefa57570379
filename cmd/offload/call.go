// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
)

const callLong = `Call a function of a processor's firmware. The order of --arg, --in, --out and --inout on the
command line is the order of the parameters.

  --arg 5  --arg -3  --arg 0xff  --arg true  --arg nil
  --arg s:text  --arg x:0a0b  --arg f:1.5  --arg j:[1,2]    text, bytes, floating point, JSON
  --in NAME=@FILE           a buffer that the function reads; @- is standard input
  --in NAME=s:text  NAME=x:0a0b  NAME=64K                   text, bytes, zeros
  --out NAME=@FILE:SIZE     a buffer that the function writes; @-:SIZE is standard output
  --out NAME=SIZE           the same, and nobody wants the result
  --inout NAME=@FILE        a buffer that the function changes; the file is overwritten

SIZE is in bytes, or has a suffix K, M or G. A buffer comes from --heap, or from its own with
NAME:HEAP=…. Files are written only when the function has succeeded. The result goes to standard
output, bytes as x:0a0b; if a buffer goes there, the result goes to standard error.

On a simulated board the processor starts with the function set of the demonstration.`

// bufferRow is a buffer as the tool shows it.
type bufferRow struct {
	Name      string `json:"name"`
	Heap      string `json:"heap"`
	Direction string `json:"direction,omitempty"`
	Size      int64  `json:"size"`
	addressJSON
}

func (c *cli) callCommand() *cobra.Command {
	var i firmwareFile
	var list []parameter
	var heap string
	var hexadecimal bool
	cmd := &cobra.Command{
		Use:   "call PROCESSOR METHOD",
		Short: "Call a remote function, with files as buffers",
		Long:  callLong,
		Example: `  offload call dsp0 crc32c --in data=@picture.raw
  offload call dsp0 copy --out dst=@copy.raw:64K --in src=@picture.raw
  offload call dsp0 add_i16 --out sum=@sum:4 --in a=x:01000200 --in b=x:0a000a00`,
		Args: cobra.ExactArgs(2), ValidArgsFunction: c.completeProcessor,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withSession(cmd.Context(), i, runtime.SessionConfig{Processor: args[0]},
				func(rt *runtime.Runtime, s *runtime.Session) error {
					return c.call(cmd.Context(), rt, s, args[1], list, heap, hexadecimal)
				})
		},
	}
	f := cmd.Flags()
	f.Var(parameterFlag{&list, 0}, "arg", "a number, true, false, nil, s:TEXT, x:HEX, f:FLOAT or j:JSON")
	f.Var(parameterFlag{&list, runtime.In}, "in", "buffer that the function reads, from a file")
	f.Var(parameterFlag{&list, runtime.Out}, "out", "buffer that the function writes, to a file")
	f.Var(parameterFlag{&list, runtime.InOut}, "inout", "buffer that the function changes, from and to a file")
	f.StringVar(&heap, "heap", "", "heap of the buffers (default: one that PROCESSOR reaches)")
	f.BoolVar(&hexadecimal, "hex", false, "print an integer result in hexadecimal")
	i.sessionFlags(cmd)
	return cmd
}

// operand is a parameter with its buffer.
type operand struct {
	parameter
	buf    *runtime.Buffer
	length int64
}

func (c *cli) call(ctx context.Context, rt *runtime.Runtime, s *runtime.Session, method string, list []parameter, heap string, hexadecimal bool) error {
	var args []any
	var buffers []operand
	for _, p := range list {
		if p.dir == 0 {
			args = append(args, p.value)
			continue
		}
		o, err := c.operand(ctx, rt, p, runtime.AllocConfig{Heap: heap, For: []string{s.Processor()}})
		if err != nil {
			return err
		}
		buffers = append(buffers, o)
		args = append(args, o.buf.Range(0, o.length, p.dir))
	}
	before := rt.Stats()
	var result any
	limited, cancel := c.limit(ctx)
	defer cancel()
	began := time.Now()
	if err := s.Call(limited, method, &result, args...); err != nil {
		return err
	}
	took := time.Since(began)
	after := rt.Stats()
	shown := []bufferRow{}
	toStdout := false
	for _, o := range buffers {
		a, err := o.buf.Address(s.Processor())
		if err != nil {
			return err
		}
		shown = append(shown, bufferRow{o.name, o.buf.Heap(), o.dir.String(), o.length, addressOf(a)})
		if err := o.store(c, o.buf, o.length); err != nil {
			return err
		}
		toStdout = toStdout || o.path == "-" && o.dir&runtime.Out != 0
	}
	w := c.stdout
	if toStdout {
		w = c.stderr
	}
	if c.verbose {
		c.notef("%s on %s took %s; %s bytes sent, %s synchronised", method, s.Processor(), span(took),
			grouped(after.BytesSent-before.BytesSent), grouped(after.BytesSynced-before.BytesSynced))
		for _, b := range shown {
			c.notef("buffer %s (%s): %s bytes from %s at physical %s, device %s", b.Name, b.Direction, grouped(uint64(b.Size)), b.Heap, b.Physical, b.Device)
		}
	}
	if c.json {
		out := *c
		out.stdout = w
		return out.encode(map[string]any{
			"board": rt.Board().Name(), "processor": s.Processor(), "method": method, "result": jsonValue(result), "type": typeOf(result),
			"time_us": float64(took.Nanoseconds()) / 1000, "bytes_sent": after.BytesSent - before.BytesSent,
			"bytes_synced": after.BytesSynced - before.BytesSynced, "buffers": shown,
		})
	}
	_, err := fmt.Fprintln(w, formatResult(result, hexadecimal))
	return err
}

// operand allocates and fills the buffer of a parameter. The runtime closes it at its end: the remote may still hold it
// when the call ended early.
func (c *cli) operand(ctx context.Context, rt *runtime.Runtime, p parameter, cfg runtime.AllocConfig) (o operand, err error) {
	if err := p.writable(); err != nil {
		return o, err
	}
	if p.heap != "" {
		cfg.Heap = p.heap
	}
	var data []byte
	length := p.size
	if p.dir&runtime.In != 0 {
		if data, err = p.load(ctx, c); err != nil {
			return o, err
		}
		length = int64(len(data))
	}
	// An empty file is an empty range of a buffer: there are no empty buffers.
	cfg.Size, cfg.Name = max(length, 1), p.name
	buf, err := rt.Alloc(ctx, cfg)
	if err != nil {
		return o, err
	}
	err = nil
	if len(data) > 0 {
		err = buf.View(dmabuf.Write, func(all []byte) error {
			copy(all, data)
			return nil
		})
	}
	return operand{p, buf, length}, err
}
