// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/rpmsg"
)

// unmapped are bus addresses that abort: DSP_UNMAPPED, R5F_UNMAPPED in include/board.h.
var unmapped = map[string]uint64{"dsp0": 0xff000000000, "dsp1": 0xff000000000, "r5f": 0x90000000}

// dies sends a request that kills the core and waits for the endpoint to die of it. It returns the answers that came
// before.
func (l *link) dies(b []byte) []wire.Message {
	l.t.Helper()
	if err := l.send(b); err != nil {
		l.t.Fatal(err)
	}
	var answers []wire.Message
	for {
		m, err := l.next()
		if errors.Is(err, rpmsg.ErrPeerGone) {
			return answers
		}
		if err != nil {
			l.t.Fatal(err)
		}
		answers = append(answers, m)
	}
}

// TestCrash crashes the core in every way it knows; recovery gives a new one each time.
func TestCrash(t *testing.T) {
	eachCore(t, func(t *testing.T, c *core) {
		crash := func(method string, arg uint64) (answers int) {
			l := c.session(t, 0)
			answers = len(l.dies(l.encode(method, arg)))
			c.recovered(t)
			l = c.session(t, 0)
			if n := l.call("sum", []byte{1, 2}); n != 3 {
				t.Errorf("after %s: sum %d", method, n)
			}
			return answers
		}
		if n := crash("crash", 0); n != 0 {
			t.Errorf("crash before the answer: %d answers", n)
		}
		if n := crash("wild", unmapped[c.name]); n != 0 {
			t.Errorf("wild: %d answers", n)
		}
		// The kernel drops what was not read when the crash came, so an answer can be missed on a busy host, but not always.
		for attempt := 0; crash("crash", 1) != 1; attempt++ {
			if attempt == 10 {
				t.Fatal("crash after the answer: never an answer")
			}
		}
	})
}

// TestCrashTrace leaves the core as it crashed and reads what it says about it.
func TestCrashTrace(t *testing.T) {
	want := map[string][2]string{
		"dsp0": {"CRASH: undefined instruction at pc 0x600", "CRASH: data abort at pc 0x600"},
		"dsp1": {"CRASH: undefined instruction at pc 0x604", "CRASH: data abort at pc 0x604"},
		"r5f":  {"CRASH: undefined instruction at pc 0x", "CRASH: data abort at pc 0x"},
	}
	far := map[string]string{"dsp0": "far 0xff000000000", "dsp1": "far 0xff000000000", "r5f": "dfar 0x90000000"}
	eachCore(t, func(t *testing.T, c *core) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := c.SetRecovery(ctx, false); err != nil {
			t.Fatal(err)
		}
		for i, b := range []string{"crash", "wild"} {
			l := c.session(t, 0)
			if err := l.send(l.encode(b, []uint64{0, unmapped[c.name]}[i])); err != nil {
				t.Fatal(err)
			}
			if _, err := c.WaitState(ctx, firmware.StateCrashed); err != nil {
				t.Fatal(err)
			}
			c.waitTrace(t, want[c.name][i])
			if text := c.trace(t); i == 1 && !strings.Contains(text, far[c.name]) {
				t.Errorf("no %q in\n%s", far[c.name], text)
			}
			if err := c.Recover(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := c.WaitState(ctx, firmware.StateRunning); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.SetRecovery(ctx, true); err != nil {
			t.Fatal(err)
		}
	})
}

// TestHang stops a core that does not listen any more, and starts it again.
func TestHang(t *testing.T) {
	eachCore(t, func(t *testing.T, c *core) {
		l := c.session(t, wire.FeatureLog)
		if err := l.send(l.encode("hang")); err != nil {
			t.Fatal(err)
		}
		c.waitTrace(t, "hanging, as asked")
		c.stop(t)
		c.start(t)
		l = c.session(t, 0)
		l.call("sum", []byte{1})
	})
}

// TestCycles starts and stops with calls in flight.
func TestCycles(t *testing.T) {
	const cycles = 50
	eachCore(t, func(t *testing.T, c *core) {
		for range cycles {
			l := c.session(t, wire.FeatureBeat)
			for range 5 {
				l.call("sum", []byte{1})
			}
			for range 10 {
				if err := l.send(l.encode("sleep", 100000)); err != nil {
					t.Fatal(err)
				}
			}
			c.stop(t)
			if _, err := l.next(); !errors.Is(err, rpmsg.ErrPeerGone) {
				t.Fatalf("after stop: %v", err)
			}
			c.start(t)
		}
	})
}
