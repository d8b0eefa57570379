// SPDX-License-Identifier: Apache-2.0

// Command board builds and boots the emulated boards, and runs Go tests on them.
//
//	go run ./test/qemu/cmd/board test -m dsp ./rpmsg -run Echo -v
//	go run ./test/qemu/cmd/board shell -m r5f
//
// Exit codes: that of the program that ran in the guest; 1 if the kernel complained or the guest did not end; 125 if
// the host could not do its part.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// exitHost is the exit code for trouble on the host's side.
const exitHost = 125

// exitCode is an error that is only an exit code; what there was to say has been said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	defer stop()
	err := command().ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		fmt.Fprintln(os.Stderr, "board:", err)
		os.Exit(exitHost)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "board",
		Short:         "Emulated boards: build, boot, run tests",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(buildCommand(), machinesCommand(), testCommand(), execCommand(), runCommand(), shellCommand(), bootCommand())
	return root
}
