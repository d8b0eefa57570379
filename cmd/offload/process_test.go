// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// process is the tool in a process of its own.
func process(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asTool+"=1", "OFFLOAD_BOARD=sim")
	return cmd
}

func exited(t *testing.T, err error, want exitCode) {
	t.Helper()
	var e *exec.ExitError
	code := 0
	if errors.As(err, &e) {
		code = e.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if code != int(want) {
		t.Errorf("exit code %d, want %d", code, want)
	}
}

func TestProcess(t *testing.T) {
	for _, test := range []struct {
		args string
		code exitCode
	}{{"ls", exitOK}, {"ls dsp9", exitNotFound}, {"nonsense", exitUsage}, {"call dsp0 crash --arg 0", exitCrashed}} {
		exited(t, process(t, strings.Fields(test.args)...).Run(), test.code)
	}
}

// TestInterrupt wants that the first interrupt ends a command in good order.
func TestInterrupt(t *testing.T) {
	t.Run("trace", func(t *testing.T) {
		cmd := process(t, "trace", "dsp0", "--follow")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || !strings.Contains(line, "started") {
			t.Errorf("%q, %v", line, err)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		exited(t, cmd.Wait(), exitOK)
	})
	t.Run("reading", func(t *testing.T) {
		cmd := process(t, "call", "dsp0", "sum", "--in", "data=@-")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// More than a pipe holds: when it is written the tool reads.
		if _, err := io.Copy(in, bytes.NewReader(make([]byte, 4<<20))); err != nil {
			t.Error(err)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		exited(t, cmd.Wait(), exitInterrupted)
		if got := stderr.String(); got != "offload: interrupted\n" {
			t.Errorf("stderr %q", got)
		}
	})
}
