// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/runtime"
)

// exitCode is what the tool tells its caller. The numbers are stable: scripts depend on them.
type exitCode int

const (
	exitOK          exitCode = 0
	exitOther       exitCode = 1
	exitUsage       exitCode = 2
	exitNotFound    exitCode = 3
	exitPermission  exitCode = 4
	exitTimeout     exitCode = 5
	exitCrashed     exitCode = 6
	exitNoMemory    exitCode = 7
	exitBadFirmware exitCode = 8
	exitRemote      exitCode = 9
	exitUnsupported exitCode = 10
	exitBusy        exitCode = 11
	exitProtocol    exitCode = 12
	exitWrongResult exitCode = 13
	exitInterrupted exitCode = 130
)

// exitCodes describes them, in the order of the documentation.
var exitCodes = []struct {
	code exitCode
	text string
}{
	{exitOK, "done"},
	{exitOther, "any other error"},
	{exitUsage, "wrong flags or arguments; nothing was done"},
	{exitNotFound, "no such board, heap, processor, method or file"},
	{exitPermission, "permission denied"},
	{exitTimeout, "no answer in time"},
	{exitCrashed, "the processor crashed"},
	{exitNoMemory, "a heap is exhausted or too fragmented, or a quota is used up"},
	{exitBadFirmware, "the firmware image is defective or of another processor"},
	{exitRemote, "the remote function said no"},
	{exitUnsupported, "not possible with this board, kernel or firmware"},
	{exitBusy, "not possible in the present state: it runs already, is not running, or is in use"},
	{exitProtocol, "the remote breaks the protocol"},
	{exitWrongResult, "the remote's result is not what the host computes, or the two see different bytes"},
	{exitInterrupted, "interrupted"},
}

func exitCodesHelp() string {
	var b strings.Builder
	b.WriteString("The exit code says what kind of error it was:\n\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.text)
	}
	return b.String()
}

// errUsage marks errors of flags and arguments that cobra does not know of.
var errUsage = errors.New("usage")

func usagef(format string, args ...any) error { return usage{fmt.Errorf(format, args...)} }

type usage struct{ error }

func (u usage) Unwrap() []error { return []error{u.error, errUsage} }

// errWrongResult is returned when the remote's result differs from the host's.
var errWrongResult = errors.New("wrong result")

// codeOf classifies an error. The order matters where an error is of several kinds: a crash has a cause in the transport,
// a missing firmware file is ENOENT from the start.
func codeOf(err error) exitCode {
	var remote *runtime.RemoteError
	switch {
	case err == nil:
		return exitOK
	case is(err, errUsage):
		return exitUsage
	case is(err, errWrongResult):
		return exitWrongResult
	case errors.As(err, &remote) && remote.Code == uint32(wire.CodeLate):
		return exitTimeout
	case is(err, runtime.ErrUnknownMethod):
		return exitNotFound
	case is(err, runtime.ErrRemote):
		return exitRemote
	case is(err, runtime.ErrTooLarge, runtime.ErrBadArguments): // nobody has seen them
		return exitUsage
	case is(err, runtime.ErrCrashed, firmware.ErrCrashed):
		return exitCrashed
	case is(err, context.Canceled):
		return exitInterrupted
	case is(err, context.DeadlineExceeded, os.ErrDeadlineExceeded, firmware.ErrStuck, syscall.ETIMEDOUT):
		return exitTimeout
	case is(err, runtime.ErrNoMemory, runtime.ErrQuota, syscall.ENOMEM):
		return exitNoMemory
	case is(err, firmware.ErrBadImage):
		return exitBadFirmware
	case is(err, runtime.ErrIncoherent):
		return exitWrongResult
	case is(err, runtime.ErrProtocol):
		return exitProtocol
	case is(err, fs.ErrPermission):
		return exitPermission
	case is(err, runtime.ErrBusy, firmware.ErrRunning, firmware.ErrNotRunning, firmware.ErrBusy, firmware.ErrHeld, firmware.ErrNotAttached, syscall.EBUSY):
		return exitBusy
	case is(err, fs.ErrNotExist):
		return exitNotFound
	case is(err, errors.ErrUnsupported, runtime.ErrNoHeap, bufmap.ErrNoAttachment, bufmap.ErrNoWindow, bufmap.ErrReach, bufmap.ErrNotContiguous,
		bufmap.ErrNoTranslator):
		return exitUnsupported
	}
	return exitOther
}

func is(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
