// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	stdruntime "runtime"
	"runtime/debug"
)

// ErrUnbracketed: the CPU touched a buffer outside of Begin and End.
var ErrUnbracketed = errors.New("CPU access outside of a bracket")

// AccessError says who touched which buffer outside of a bracket.
type AccessError struct {
	Buffer string
	Heap   string
	Offset int64
	Site   string // file:line of the access, and its function
}

func (e *AccessError) Error() string {
	return fmt.Sprintf("buffer %q (%s), byte %d, at %s: %v", e.Buffer, e.Heap, e.Offset, e.Site, ErrUnbracketed)
}

// Unwrap makes errors.Is work for ErrUnbracketed.
func (e *AccessError) Unwrap() error { return ErrUnbracketed }

// Guard runs f, and turns an access to one of the runtime's buffers outside of a bracket into an *AccessError. It needs
// Config.Checked, without which such an access goes unnoticed and reads stale bytes. It sees the accesses of its own
// goroutine; those of others end the program with a stack trace. Panics of other kinds go through.
func (rt *Runtime) Guard(f func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		switch r := recover().(type) {
		case nil:
		case interface {
			error
			Addr() uintptr // of a fault, as runtime.Error documents
		}:
			entry, offset, e := rt.buffers.Find(r.Addr())
			if e != nil {
				panic(r)
			}
			err = &AccessError{Buffer: entry.Buffer().Name(), Heap: entry.Buffer().Heap(), Offset: offset, Site: faultSite()}
		default:
			panic(r)
		}
	}()
	return f()
}

// faultSite is the place of the fault that is being recovered from: the caller of the signal's frame.
func faultSite() string {
	pcs := make([]uintptr, 64)
	frames := stdruntime.CallersFrames(pcs[:stdruntime.Callers(2, pcs)])
	for signal := false; ; {
		f, more := frames.Next()
		if signal {
			return fmt.Sprintf("%s:%d (%s)", f.File, f.Line, f.Function)
		}
		signal = f.Function == "runtime.sigpanic"
		if !more {
			return "an unknown place"
		}
	}
}
