// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"strings"

	"github.com/offload-runtime/offload/internal/wire"
)

// Errors that callers branch on. Beside them, errors.Is works for os.ErrClosed, context.DeadlineExceeded, context.Canceled,
// fs.ErrNotExist, fs.ErrPermission, errors.ErrUnsupported and the errno of the kernel.
var (
	// ErrBusy: a CPU bracket and a call want the same buffer and one of them writes.
	ErrBusy = errors.New("buffer is in use")
	// ErrQuarantined: the buffer belongs to a call that ended early; the remote may still write to it. It is also ErrBusy.
	ErrQuarantined = quarantined{}
	// ErrForeign: the buffer belongs to another runtime.
	ErrForeign = errors.New("buffer of another runtime")
	// ErrCrashed: the processor crashed or was stopped while the call was open.
	ErrCrashed = errors.New("the processor died")
	// ErrTooLarge: the arguments do not fit into one message.
	ErrTooLarge = errors.New("arguments do not fit into one message")
	// ErrUnknownMethod: the firmware has no such method.
	ErrUnknownMethod = errors.New("unknown method")
	// ErrBadArguments: the remote function wants other arguments, or an argument has a type that cannot travel.
	ErrBadArguments = errors.New("bad arguments")
	// ErrBadBuffer: the remote refused a buffer: out of its memory, wrong direction, or too short.
	ErrBadBuffer = errors.New("remote refused the buffer")
	// ErrRemote: the remote answered with any error.
	ErrRemote = errors.New("remote error")
	// ErrProtocol: the remote does not keep to docs/protocol.md.
	ErrProtocol = errors.New("the remote breaks the protocol")
	// ErrUnknownPointer: not a pointer from MallocDDR or MallocMSMC, or freed already.
	ErrUnknownPointer = errors.New("not a pointer into allocated memory")
	// ErrNoMemory: a heap is exhausted or too fragmented. The error text says how much is free.
	ErrNoMemory = errors.New("out of memory")
)

type quarantined struct{}

func (quarantined) Error() string        { return "buffer is quarantined" }
func (quarantined) Is(target error) bool { return target == ErrBusy }

// RemoteError is an error that the remote function, or the firmware on its behalf, answered.
type RemoteError struct {
	Processor string
	Method    string
	Code      uint32 // docs/protocol.md section 5; from 256 on the application's own
	Message   string
}

func (e *RemoteError) Error() string {
	s := fmt.Sprintf("%s on %s: %s", e.Method, e.Processor, wire.Code(e.Code))
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// Is matches ErrRemote and the sentinel of the code.
func (e *RemoteError) Is(target error) bool {
	switch target {
	case ErrRemote:
		return true
	case ErrUnknownMethod:
		return wire.Code(e.Code) == wire.CodeUnknownMethod
	case ErrBadArguments:
		return wire.Code(e.Code) == wire.CodeBadArguments
	case ErrBadBuffer:
		return wire.Code(e.Code) == wire.CodeBadBuffer
	}
	return false
}

// CrashError says that a processor died with calls open.
type CrashError struct {
	Processor  string
	Generation uint32   // the run that ended
	Reason     string   // what showed it
	Trace      []string // last lines of the firmware's trace, oldest first
	Report     string   // directory of the crash report; "" without SessionConfig.CrashDir
	Cause      error
}

func (e *CrashError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s died in generation %d: %s", e.Processor, e.Generation, e.Reason)
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	if len(e.Trace) > 0 {
		fmt.Fprintf(&b, "; last trace line: %q", e.Trace[len(e.Trace)-1])
	}
	if e.Report != "" {
		fmt.Fprintf(&b, "; crash report in %s", e.Report)
	}
	return b.String()
}

// Is matches ErrCrashed.
func (e *CrashError) Is(target error) bool { return target == ErrCrashed }

// Unwrap returns the error of the endpoint.
func (e *CrashError) Unwrap() error { return e.Cause }
