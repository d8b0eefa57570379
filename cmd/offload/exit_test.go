// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/runtime"
)

func TestCodeOf(t *testing.T) {
	remote := func(c wire.Code) error { return &runtime.RemoteError{Method: "m", Processor: "p", Code: uint32(c)} }
	for _, test := range []struct {
		err  error
		want exitCode
	}{
		{nil, exitOK},
		{errors.New("x"), exitOther},
		{usagef("x"), exitUsage},
		{usage{fs.ErrNotExist}, exitUsage},
		{os.ErrNotExist, exitNotFound},
		{syscall.ENOENT, exitNotFound},
		{&firmware.NotFoundError{Name: "x"}, exitNotFound},
		{runtime.ErrUnknownMethod, exitNotFound},
		{remote(wire.CodeUnknownMethod), exitNotFound},
		{syscall.EACCES, exitPermission},
		{syscall.EPERM, exitPermission},
		{context.DeadlineExceeded, exitTimeout},
		{remote(wire.CodeLate), exitTimeout},
		{firmware.ErrStuck, exitTimeout},
		{&runtime.CrashError{Processor: "p", Cause: context.DeadlineExceeded}, exitCrashed},
		{firmware.ErrCrashed, exitCrashed},
		{runtime.ErrNoMemory, exitNoMemory},
		{syscall.ENOMEM, exitNoMemory},
		{runtime.ErrQuota, exitNoMemory},
		{runtime.ErrNoHeap, exitUnsupported},
		{&firmware.BadImageError{Code: firmware.NotELF}, exitBadFirmware},
		{runtime.ErrTooLarge, exitUsage},
		{runtime.ErrBadArguments, exitUsage},
		{remote(wire.CodeBadArguments), exitRemote},
		{remote(wire.CodeTooLarge), exitRemote},
		{remote(wire.CodeFailed), exitRemote},
		{remote(wire.CodeBadBuffer), exitRemote},
		{remote(wire.CodeApplication), exitRemote},
		{errors.ErrUnsupported, exitUnsupported},
		{syscall.ENOTSUP, exitUnsupported},
		{bufmap.ErrNoAttachment, exitUnsupported},
		{bufmap.ErrNoWindow, exitUnsupported},
		{bufmap.ErrNotContiguous, exitUnsupported},
		{bufmap.ErrReach, exitUnsupported},
		{bufmap.ErrNoTranslator, exitUnsupported},
		{firmware.ErrRunning, exitBusy},
		{firmware.ErrNotRunning, exitBusy},
		{runtime.ErrBusy, exitBusy},
		{runtime.ErrQuarantined, exitBusy},
		{runtime.ErrProtocol, exitProtocol},
		{errWrongResult, exitWrongResult},
		{context.Canceled, exitInterrupted},
	} {
		for _, err := range []error{test.err, fmt.Errorf("doing it: %w", test.err), errors.Join(test.err, errors.New("and more"))} {
			if test.err == nil {
				err = nil
			}
			if got := codeOf(err); got != test.want {
				t.Errorf("%v: exit code %d, want %d", err, got, test.want)
			}
		}
	}
}

// TestExitCodes holds the numbers, which scripts depend on.
func TestExitCodes(t *testing.T) {
	want := []exitCode{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 130}
	var got []exitCode
	for _, e := range exitCodes {
		got = append(got, e.code)
	}
	if !slices.Equal(got, want) {
		t.Errorf("exit codes %v, want %v", got, want)
	}
}
