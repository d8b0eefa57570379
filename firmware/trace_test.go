// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
)

// step is the text at one read and what should come of it.
type step struct {
	text      string
	lines     []string
	restarted bool
}

func TestTraceNext(t *testing.T) {
	tests := []struct {
		name  string
		steps []step
	}{
		{"grows", []step{
			{"", nil, false},
			{"boot\n", []string{"boot"}, false},
			{"boot\n", nil, false},
			{"boot\nhal", nil, false},
			{"boot\nhalf\nmore\nx", []string{"half", "more"}, false},
			{"boot\nhalf\nmore\nxyz\n", []string{"xyz"}, false},
		}},
		{"NUL ends it", []step{
			{"one\n\x00garbage\n", []string{"one"}, false},
			{"one\ntwo\n\x00", []string{"two"}, false},
		}},
		{"cleared at restart", []step{
			{"one\ntwo\nthr", []string{"one", "two"}, false},
			{"new\n", []string{"thr", "new"}, true},
			{"new\nline\n", []string{"line"}, false},
		}},
		{"empty at restart", []step{
			{"one\n", []string{"one"}, false},
			{"", nil, true},
			{"one\n", []string{"one"}, false},
		}},
		{"restarted and already longer", []step{
			{"abc\ndef\n", []string{"abc", "def"}, false},
			{"new boot\nwith more\n", []string{"new boot", "with more"}, true},
		}},
		{"restarted over the old text", []step{
			{"first line\nsecond line\nthird line\n", []string{"first line", "second line", "third line"}, false},
			{"again\nline\nsecond line\nthird line\n", []string{"again"}, true},
			{"again\nand on\ncond line\nthird line\n", []string{"and on"}, false},
		}},
		{"wraps", []step{
			{"tick 1\ntick 2\n", []string{"tick 1", "tick 2"}, false},
			{"tick 4\ntick 2\ntick 3\n", []string{"tick 3", "tick 4"}, true},
			{"tick 4\ntick 5\ntick 3\n", []string{"tick 5"}, false},
			{"tick 4\ntick 5\ntick 6\n", []string{"tick 6"}, false},
			{"tick 7\ntick 5\ntick 6\n", []string{"tick 7"}, true},
		}},
		{"hostile bytes", []step{
			{"\x1b[2J\x07red\x1b]0;title\x07\r\nü\t\xff\xfe\u202eevil\u2028\x7f\n", []string{"[2Jred]0;title", "ü\tevil"}, false},
		}},
		{"empty lines", []step{{"\n\na\n\n", []string{"", "", "a", ""}, false}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var text []byte
			tr := NewTraceReader(func() ([]byte, error) { return text, nil })
			for i, s := range tt.steps {
				text = []byte(s.text)
				up, err := tr.Next()
				if err != nil || !reflect.DeepEqual(up.Lines, s.lines) || up.Restarted != s.restarted {
					t.Fatalf("step %d: %q restarted %v, %v; want %q %v", i, up.Lines, up.Restarted, err, s.lines, s.restarted)
				}
				for j := range text {
					text[j] = '!' // the slice belongs to the caller again
				}
			}
		})
	}
}

func TestTraceReset(t *testing.T) {
	tr := NewTraceReader(func() ([]byte, error) { return []byte("same\n"), nil })
	for range 2 {
		if up, err := tr.Next(); err != nil || len(up.Lines) != 1 || up.Restarted {
			t.Errorf("%v, %v", up, err)
		}
		tr.Reset()
	}
}

func TestTraceTail(t *testing.T) {
	var text string
	tr := NewTraceReader(func() ([]byte, error) { return []byte(text), nil })
	for _, tt := range []struct {
		text string
		n    int
		want []string
	}{
		{"", 5, nil},
		{"\n", 5, nil},
		{"a\nb\nc\n", 2, []string{"b", "c"}},
		{"a\nb\nc", 2, []string{"b", "c"}},
		{"a\nb\nc", 3, []string{"a", "b", "c"}},
		{"a\nb\nc", math.MaxInt, []string{"a", "b", "c"}},
		{"\n\nx\n", 2, []string{"", "x"}},
		{"a\n", 0, nil},
		{"a\n", -1, nil},
		{"a\x1b\nb\x00c\n", 9, []string{"a", "b"}},
	} {
		text = tt.text
		if got, err := tr.Tail(tt.n); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("last %d of %q: %q, %v", tt.n, tt.text, got, err)
		}
	}
}

// Firmware that never ends its lines, or ends one with every byte, costs no more than two buffers.
func TestTraceHostile(t *testing.T) {
	var text []byte
	tr := NewTraceReader(func() ([]byte, error) { return text, nil })
	const size = 64 << 10
	for i := range 20 {
		text = bytes.Repeat([]byte{'a' + byte(i)}, size)
		up, err := tr.Next()
		if err != nil || len(tr.partial) > 2*size || i > 1 && len(up.Lines) == 0 {
			t.Fatalf("step %d: %d lines, %d bytes kept, %v", i, len(up.Lines), len(tr.partial), err)
		}
	}
	text = bytes.Repeat([]byte("\n"), maxTrace+100)
	if up, err := tr.Next(); err != nil || len(up.Lines) < maxTrace-1 || len(up.Lines) > maxTrace+1 {
		t.Errorf("%d lines, %v", len(up.Lines), err)
	}
}

func TestTraceFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text atomic.Pointer[string] // nil: there is no file
		tr := NewTraceReader(func() ([]byte, error) {
			if s := text.Load(); s != nil {
				return []byte(*s), nil
			}
			return nil, fs.ErrNotExist
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var got []string
		done := make(chan error)
		go func() {
			done <- tr.Follow(ctx, 0, func(up TraceUpdate) error {
				got = append(got, fmt.Sprint(up.Lines, up.Restarted))
				return nil
			})
		}()
		for _, s := range []string{"", "a\n", "a\nb\nc\n", "x\n"} {
			<-time.After(10 * time.Second) // the bubble's time
			text.Store(&s)
		}
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if want := []string{"[a] false", "[b c] false", "[x] true"}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %q", got)
		}
		stop := errors.New("enough")
		tr.Reset()
		if err := tr.Follow(t.Context(), time.Second, func(TraceUpdate) error { return stop }); err != stop {
			t.Error(err)
		}
		broken := NewTraceReader(func() ([]byte, error) { return nil, fs.ErrPermission })
		if err := broken.Follow(t.Context(), time.Second, nil); !errors.Is(err, fs.ErrPermission) {
			t.Error(err)
		}
		if _, err := broken.Tail(1); !errors.Is(err, fs.ErrPermission) {
			t.Error(err)
		}
	})
}

func TestTraceFiles(t *testing.T) {
	debugfs := t.TempDir()
	dir := filepath.Join(debugfs, "remoteproc", "remoteproc2")
	if paths, err := TracePaths(debugfs, "remoteproc2"); err != nil || paths != nil {
		t.Errorf("%v, %v", paths, err)
	}
	os.MkdirAll(dir, 0o755)
	for _, name := range []string{"trace0", "trace1", "trace3", "name"} {
		os.WriteFile(filepath.Join(dir, name), []byte(name+"\n"), 0o644)
	}
	paths, err := TracePaths(debugfs, "remoteproc2")
	if err != nil || !reflect.DeepEqual(paths, []string{filepath.Join(dir, "trace0"), filepath.Join(dir, "trace1")}) {
		t.Errorf("%v, %v", paths, err)
	}
	tr := OpenTrace(paths[1])
	if lines, err := tr.Tail(3); err != nil || !reflect.DeepEqual(lines, []string{"trace1"}) {
		t.Errorf("%v, %v", lines, err)
	}
	os.Remove(paths[1])
	if _, err := tr.Next(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, device := range []string{"", "..", "../x", "remoteproc", "remoteproc2/..", "remoteproc02", "remoteproc-2"} {
		if paths, err := TracePaths(debugfs, device); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v, %v", device, paths, err)
		}
	}
}

// Whatever the buffer holds from one read to the next, lines are printable and bounded, and growing text comes out whole.
func FuzzTrace(f *testing.F) {
	f.Add([]byte("a\nb\n"), []byte("a\nc\n"), []byte("x\x00"))
	f.Add([]byte("tick 1\ntick 2\n"), []byte("tick 4\ntick 2\ntick 3\n"), []byte(""))
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		var text []byte
		tr := NewTraceReader(func() ([]byte, error) { return text, nil })
		for _, text = range [][]byte{a, b, c, append(bytes.Clone(c), a...), a} {
			up, err := tr.Next()
			if err != nil {
				t.Fatal(err)
			}
			size := 0
			for _, line := range up.Lines {
				size += len(line)
				if i := strings.IndexFunc(line, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }); i >= 0 {
					t.Fatalf("%q does not print", line)
				}
			}
			if size > len(a)+len(b)+len(c)+2*len(a) {
				t.Fatalf("%d bytes out of nothing", size)
			}
			if _, err := tr.Tail(3); err != nil {
				t.Fatal(err)
			}
		}
		tr.Reset()
		for _, text = range [][]byte{a, append(bytes.Clone(a), b...)} {
			if _, err := tr.Next(); err != nil {
				t.Fatal(err)
			}
		}
		whole, _, _ := bytes.Cut(text, []byte{0})
		if !bytes.Equal(tr.last, whole) || tr.pos != len(whole) {
			t.Fatalf("%d of %d bytes were given out", tr.pos, len(whole))
		}
	})
}
