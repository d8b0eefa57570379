// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"context"
	"testing"
	"time"

	"github.com/offload-runtime/offload/runtime"
)

// Target is one processor of a board, and what the suite may expect.
type Target struct {
	Board     runtime.Board
	Processor string

	// Image and Firmware are for runtime.SessionConfig. With Image nil, Firmware is installed already.
	Image    []byte
	Firmware string

	Heap       string // contiguous, reachable
	Alias      string // an alias of Heap
	OnChip     string // small and contiguous, reachable
	Scattered  string // not contiguous; "" if the board has none
	OutOfReach string // contiguous, in no window of the processor; "" if the board has none
	Secure     string // without CPU mapping; "" if the board has none

	Coherent        bool   // SYNC is never needed
	AlwaysScattered bool   // large buffers of Scattered never are contiguous by luck
	RestartsSelf    bool   // a crash is followed by a restart without help
	KeepsTrace      bool   // the trace of a crash can be read before the restart clears it
	Stoppable       bool   // a processor that hangs can be stopped
	WildAddress     uint64 // a read of this address by the core ends in a crash
	NoAddress       uint64 // a device address in no window; 0: WildAddress is one
}

// Run runs the suite. open is called for each test; the test closes the board.
func Run(t *testing.T, open func(t *testing.T) Target) {
	for _, test := range []struct {
		name string
		f    func(*testing.T, *env)
	}{
		{"Heaps", testHeaps}, {"Alloc", testAlloc}, {"Brackets", testBrackets}, {"Ranges", testRanges},
		{"Session", testSession}, {"SessionErrors", testSessionErrors}, {"StopStart", testStopStart},
		{"Echo", testEcho}, {"CallErrors", testCallErrors}, {"Results", testResults}, {"Spill", testSpill},
		{"Functions", testFunctions}, {"Buffers", testBuffers}, {"BufferErrors", testBufferErrors}, {"Addresses", testAddresses},
		{"Ownership", testOwnership}, {"Coherence", testCoherence}, {"Sub", testSub}, {"SubTile", testSubTile},
		{"Malloc", testMalloc}, {"MallocCalls", testMallocCalls}, {"Concurrent", testConcurrent}, {"Window", testWindow},
		{"Futures", testFutures}, {"Batch", testBatch}, {"Control", testControl}, {"Idempotent", testIdempotent},
		{"Deadline", testDeadline}, {"Cancel", testCancel}, {"Quarantine", testQuarantine},
		{"Crash", testCrash}, {"CrashAfterAnswer", testCrashAfterAnswer}, {"WildAccess", testWildAccess},
		{"CloseDuringCall", testCloseDuringCall}, {"StopByOthers", testStopByOthers}, {"Trace", testTrace}, {"Secure", testSecure},
		{"Needs", testNeeds}, {"Reuse", testReuse}, {"ReuseRestart", testReuseRestart}, {"ReuseQuarantine", testReuseQuarantine},
		{"Wait", testWait}, {"Import", testImport}, {"Pools", testPools}, {"SimpleBuffer", testSimpleBuffer},
	} {
		t.Run(test.name, func(t *testing.T) {
			tg := open(t)
			t.Cleanup(func() {
				if err := tg.Board.Close(); err != nil {
					t.Errorf("closing the board: %v", err)
				}
			})
			rt, err := runtime.New(runtime.Config{Board: tg.Board, DDR: tg.Heap, MSMC: tg.OnChip})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := rt.Close(); err != nil {
					t.Errorf("closing the runtime: %v", err)
				}
			})
			test.f(t, &env{Target: tg, rt: rt})
		})
	}
}

// patience is how long a step may take on the slowest and busiest machine before it counts as a hang.
const patience = 60 * time.Second

type env struct {
	Target
	rt *runtime.Runtime
}

func (e *env) config() runtime.SessionConfig {
	return runtime.SessionConfig{Processor: e.Processor, Image: e.Image, Firmware: e.Firmware, RecoveryTime: patience,
		Watch: 20 * time.Millisecond}
}

func (e *env) ctx(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func (e *env) start(t *testing.T) *runtime.Session {
	t.Helper()
	s, err := e.rt.Start(e.ctx(t), e.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the session: %v", err)
		}
	})
	return s
}

func (e *env) alloc(t *testing.T, heap string, size int64, name string) *runtime.Buffer {
	t.Helper()
	b, err := e.rt.Alloc(e.ctx(t), runtime.AllocConfig{Heap: heap, Size: size, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("closing %v: %v", b, err)
		}
	})
	return b
}

// buffer allocates a buffer that holds data.
func (e *env) buffer(t *testing.T, name string, data []byte) *runtime.Buffer {
	t.Helper()
	b := e.alloc(t, e.Heap, int64(len(data)), name)
	if _, err := b.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t *testing.T, b *runtime.Buffer) []byte {
	t.Helper()
	p := make([]byte, b.Size())
	if _, err := b.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	return p
}
