// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxTrace bounds what is kept of one trace buffer; what lies behind is not looked at.
const maxTrace = 4 << 20

// TraceReader reads a processor's trace buffer: text that the firmware writes from the start of the buffer, ended by a NUL, and
// that debugfs gives as a whole at every read (rproc_trace_read). The text is not trusted: characters that do not print
// are left out of the lines.
//
// A TraceReader belongs to one goroutine.
type TraceReader struct {
	read func() ([]byte, error)

	last    []byte // the text of the read before
	pos     int    // up to where it was given out
	partial []byte // the start of a line whose end is still missing
}

// NewTraceReader returns a reader of the text that read returns: always the whole buffer, as it is now.
func NewTraceReader(read func() ([]byte, error)) *TraceReader { return &TraceReader{read: read} }

// OpenTrace returns a reader of a file, such as one of TracePaths. The file is opened anew at each read, because it
// vanishes when the processor stops and comes back at the next start.
func OpenTrace(path string) *TraceReader {
	return NewTraceReader(func() (text []byte, err error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		return io.ReadAll(io.LimitReader(f, maxTrace))
	})
}

// TracePaths returns the trace files of a device, trace0 first. debugfs is usually /sys/kernel/debug. They exist while
// firmware with trace entries is loaded; none is no error.
func TracePaths(debugfs, device string) ([]string, error) {
	if _, ok := deviceIndex(device); !ok {
		return nil, fmt.Errorf("trace files of %q: %w", device, fs.ErrInvalid)
	}
	dir := filepath.Join(debugfs, "remoteproc", device)
	var paths []string
	for i := 0; ; i++ {
		path := filepath.Join(dir, fmt.Sprintf("trace%d", i))
		switch _, err := os.Stat(path); {
		case err == nil:
			paths = append(paths, path)
		case errors.Is(err, fs.ErrNotExist):
			return paths, nil
		case errors.Is(err, fs.ErrPermission):
			return nil, fmt.Errorf("trace files of %s: %w (debugfs is for root)", device, err)
		default:
			return nil, fmt.Errorf("trace files of %s: %w", device, err)
		}
	}
}

func (t *TraceReader) text() ([]byte, error) {
	b, err := t.read()
	if err != nil {
		return nil, fmt.Errorf("reading trace: %w", err)
	}
	b, _, _ = bytes.Cut(b[:min(len(b), maxTrace)], []byte{0})
	return b, nil
}

// Tail returns the last n lines, the unfinished one included. It does not disturb Next.
func (t *TraceReader) Tail(n int) ([]string, error) {
	b, err := t.text()
	if err != nil || n <= 0 {
		return nil, err
	}
	b = bytes.TrimSuffix(b, []byte("\n"))
	if len(b) == 0 {
		return nil, nil
	}
	from := len(b)
	for ; n > 0 && from >= 0; n-- {
		from = bytes.LastIndexByte(b[:from], '\n')
	}
	var lines []string
	for line := range bytes.SplitSeq(b[from+1:], []byte("\n")) {
		lines = append(lines, printable(line))
	}
	return lines, nil
}

// TraceUpdate is what came since the call before.
type TraceUpdate struct {
	Lines []string // complete lines only
	// Restarted is true if the text began anew: the processor was started again, or the firmware's buffer was full and it
	// went on at the start. The two look the same when the old text is not cleared.
	Restarted bool
}

// Next returns the lines that are new since the last call; the first call returns all there are.
//
// New text is told from old by comparison, because the buffer has no write position. Text that overwrites exactly the
// same text is not seen.
func (t *TraceReader) Next() (TraceUpdate, error) {
	b, err := t.text()
	if err != nil {
		return TraceUpdate{}, err
	}
	b = bytes.Clone(b) // the slice is the caller's
	var up TraceUpdate
	switch {
	case len(b) >= t.pos && bytes.Equal(b[:t.pos], t.last[:t.pos]):
		end := changedEnd(t.last, b, t.pos)
		up.Lines = t.take(nil, b[t.pos:end])
		t.pos = end
	case len(b) < len(t.last): // cleared: nothing of the old text is left
		up.Restarted = true
		up.Lines = t.flush(nil)
		up.Lines = t.take(up.Lines, b)
		t.pos = len(b)
	default: // overwritten from the start
		up.Restarted = true
		head := changedEnd(t.last[:t.pos], b[:t.pos], 0)
		end := changedEnd(t.last, b, t.pos)
		if head < t.pos && end > t.pos { // the rest of the buffer was filled before
			up.Lines = t.take(up.Lines, b[t.pos:end])
		}
		up.Lines = t.flush(up.Lines)
		if head == t.pos { // nothing of the old text is left before the end of the new
			head = end
		}
		up.Lines = t.take(up.Lines, b[:head])
		t.pos = head
	}
	t.last = b
	return up, nil
}

// Reset forgets what was read: the next call of Next returns all there is. It is for callers who know that the processor
// was started again, because a firmware that says the same again looks as if it had said nothing.
func (t *TraceReader) Reset() { t.last, t.pos, t.partial = nil, 0, nil }

// changedEnd returns the end of the last difference between old and text at or behind from, one newline further if that
// is what follows: a line that overwrites one of the same length ends where the old one did.
func changedEnd(old, text []byte, from int) int {
	if len(text) > len(old) {
		return len(text)
	}
	end := len(text)
	for end > from && text[end-1] == old[end-1] {
		end--
	}
	if end > from && end < len(text) && text[end] == '\n' && text[end-1] != '\n' {
		end++
	}
	return end
}

// take appends the complete lines of text and keeps the rest. That is at most two buffers long: going back to the start
// flushes it.
func (t *TraceReader) take(lines []string, text []byte) []string {
	text = append(t.partial, text...)
	for {
		line, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			break
		}
		lines = append(lines, printable(line))
		text = rest
	}
	t.partial = bytes.Clone(text)
	return lines
}

// flush gives out a line that will never be completed.
func (t *TraceReader) flush(lines []string) []string {
	if len(t.partial) > 0 {
		lines = append(lines, printable(t.partial))
		t.partial = nil
	}
	return lines
}

// printable drops what a terminal could obey or what does not print: control and formatting characters, bytes that are
// no UTF-8.
func printable(line []byte) string {
	var b strings.Builder
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		line = line[size:]
		if r == '\t' || r != utf8.RuneError && unicode.IsPrint(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Follow calls f with each update that has lines, or a restart, until ctx ends, f returns an error, or the text cannot be
// read. A text that does not exist is waited for: debugfs has no trace file while the processor is off.
func (t *TraceReader) Follow(ctx context.Context, interval time.Duration, f func(TraceUpdate) error) error {
	if interval <= 0 {
		interval = 100 * time.Millisecond
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		up, err := t.Next()
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case len(up.Lines) > 0 || up.Restarted:
			up.Lines = slices.Clip(up.Lines)
			if err := f(up); err != nil {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("following trace: %w", ctx.Err())
		}
	}
}
