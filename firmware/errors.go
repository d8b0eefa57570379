// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrBadImage is in the chain of every error about the content of a firmware file: refused by Parse, by Check, or by
	// the kernel at start.
	ErrBadImage = errors.New("bad firmware image")
	// ErrStuck is returned when the driver could not stop the processor (ETIMEDOUT). The state attribute still reads
	// "running" although the rpmsg devices are gone.
	ErrStuck = errors.New("the processor cannot be stopped")
	// ErrRunning is returned by Start when the processor runs already. Nothing was written.
	ErrRunning = errors.New("the processor runs already")
	// ErrOnlyCounted is returned by Start when the kernel accepted it but did nothing except raise its power count.
	ErrOnlyCounted = errors.New("the kernel counted the start but did not start the processor")
	// ErrNotRunning is returned by Stop when there is nothing to stop.
	ErrNotRunning = errors.New("the processor is not running")
	// ErrHeld is returned by Stop when the stop was accepted but others started the processor too, so that it runs on.
	ErrHeld = errors.New("the processor runs on because others started it too")
	// ErrCrashed is returned when an operation is refused because the processor has crashed.
	ErrCrashed = errors.New("the processor has crashed")
	// ErrBusy is returned for a setting that cannot change in the present state.
	ErrBusy = errors.New("not possible in the present state")
	// ErrNotAttached is returned by Detach for a processor that Linux did not attach to.
	ErrNotAttached = errors.New("the processor is not attached")
	// ErrGone is returned when the attributes have vanished: the driver was unbound or its module removed.
	ErrGone = errors.New("the processor's device is gone")
	// ErrBadName is returned for names that cannot be file names of firmware.
	ErrBadName = errors.New("not usable as a firmware name")
)

// BadImageError says what is wrong with a firmware file. It wraps ErrBadImage.
type BadImageError struct {
	Code   Code   // the first defect
	Offset int64  // where in the file or table, -1 if that has no meaning
	Detail string // what was found and what was expected
}

func (e *BadImageError) Error() string {
	if e.Offset >= 0 {
		return fmt.Sprintf("%v: %s at offset %#x: %s", ErrBadImage, e.Code, e.Offset, e.Detail)
	}
	return fmt.Sprintf("%v: %s: %s", ErrBadImage, e.Code, e.Detail)
}

func (e *BadImageError) Unwrap() error { return ErrBadImage }

func badAt(code Code, offset int64, format string, args ...any) *BadImageError {
	return &BadImageError{Code: code, Offset: offset, Detail: fmt.Sprintf(format, args...)}
}

// OpError is an operation on a processor that did not succeed. Kind, if not nil, is one of this package's sentinels and
// Err is the cause, with the kernel's errno; errors.Is finds both.
type OpError struct {
	Op        string // "start", "stop", "set firmware" …
	Processor string
	Kind      error
	Err       error
	Hint      string // what to do, empty if nothing is known
}

func (e *OpError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Processor, e.Op)
	if e.Kind != nil {
		fmt.Fprintf(&b, ": %v", e.Kind)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

func (e *OpError) Unwrap() []error {
	var errs []error
	if e.Kind != nil {
		errs = append(errs, e.Kind)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}
