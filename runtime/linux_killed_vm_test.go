// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/runtime"
)

// killedVar makes the test binary the program that is killed.
const killedVar = "OFFLOAD_BE_KILLED"

const killedBuffers = 64

// TestLinuxKilled kills a program with many buffers, attachments and calls in flight. The kernel takes everything back, and
// the next program can use the processor, which is still running, or stop and start it.
func TestLinuxKilled(t *testing.T) {
	if os.Getenv(killedVar) != "" {
		beKilled(t)
		return
	}
	b := openBoard(t, "")
	before := kernelUse(t)
	for range 3 {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestLinuxKilled$", "-test.v")
		cmd.Env = append(os.Environ(), killedVar+"="+b.processor)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		ready := false
		for lines := bufio.NewScanner(out); !ready && lines.Scan(); {
			fmt.Fprintln(&said, lines.Text())
			ready = lines.Text() == "kill me"
		}
		if ready {
			if use := kernelUse(t); use.buffers < before.buffers+killedBuffers || use.attachments < before.attachments+killedBuffers {
				t.Errorf("the program has %+v, before it there were %+v", use, before)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); !ready || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("%v, it said: %s", err, said.String())
		}
		b.settled(t, before)
		if state, err := b.life.State(); err != nil || state != firmware.StateRunning {
			t.Fatalf("state %q, %v", state, err)
		}
		// As it runs.
		ctx := deadline(t)
		s, err := b.rt.Start(ctx, runtime.SessionConfig{Processor: b.processor})
		if err != nil {
			t.Fatalf("session with the processor that the killed program left: %v", err)
		}
		buf := b.alloc(t, "linux,cma", 4096)
		sum(t, s, buf.In(), 0)
		if err := errors.Join(buf.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		// Started anew.
		c := b.config()
		c.Replace = true
		if s, err = b.rt.Start(ctx, c); err != nil {
			t.Fatal(err)
		}
		if err := s.Call(ctx, "ping", nil, 1); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		b.settled(t, before)
	}
}

// beKilled works until it is killed.
func beKilled(t *testing.T) {
	b := openBoard(t, os.Getenv(killedVar))
	s := b.start(t)
	ctx := context.Background()
	working := make(chan struct{}, killedBuffers)
	for i := range killedBuffers {
		buf := b.alloc(t, "linux,cma", 64<<10)
		go func() {
			for n := 0; ; n++ {
				var err error
				if i%2 == 0 {
					err = s.Call(ctx, "crc32c", nil, buf.In())
				} else {
					err = s.Call(ctx, "fill", nil, buf.Out(), n)
				}
				if err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				if n == 0 {
					working <- struct{}{}
				}
			}
		}()
	}
	for range killedBuffers {
		<-working
	}
	fmt.Println("kill me")
	select {}
}
