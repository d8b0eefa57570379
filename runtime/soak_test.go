// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	goruntime "runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// soakVar is the number of calls of the soak tests, and soakSeedVar their seed.
const (
	soakVar     = "OFFLOAD_SOAK"
	soakSeedVar = "OFFLOAD_SOAK_SEED"
)

// soak makes calls of every kind from many goroutines. Each ends with the right answer, or with an error that says what
// happened, not long after its deadline.
type soak struct {
	s       *runtime.Session
	rt      *runtime.Runtime
	name    string
	calls   int64
	seed    uint64
	workers int
	limit   time.Duration
	shake   func(ctx context.Context, r *rand.Rand) // disturbs the processor
	every   int64                                   // so many calls between two shakes

	made, answered, late, crashed, refused, wrong, hung atomic.Int64
}

// hangs is how long after its deadline a call counts as one that hangs, on the slowest machine.
const hangs = 60 * time.Second

func (k *soak) env(t *testing.T, calls int64) {
	k.calls, k.seed = calls, 1
	if v := os.Getenv(soakVar); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n <= 0 {
			t.Fatalf("%s is %q, no number of calls", soakVar, v)
		}
		k.calls = n
	}
	if v := os.Getenv(soakSeedVar); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("%s is %q, no seed", soakSeedVar, v)
		}
		k.seed = n
	}
	t.Logf("%s=%d %s=%d go test ./runtime -run '^%s$' -timeout 0", soakVar, k.calls, soakSeedVar, k.seed, t.Name())
}

func (k *soak) run(t *testing.T) {
	began := time.Now()
	life, end := context.WithCancel(t.Context())
	var wg, shaker sync.WaitGroup
	shaker.Go(func() {
		r := rand.New(rand.NewPCG(k.seed, 1<<32))
		next := k.every
		for life.Err() == nil {
			if k.made.Load() < next {
				goruntime.Gosched()
				<-time.After(time.Millisecond)
				continue
			}
			next += k.every
			k.shake(life, r)
		}
	})
	for w := range k.workers {
		wg.Go(func() { k.work(t, rand.New(rand.NewPCG(k.seed, uint64(w)))) })
	}
	wg.Wait()
	end()
	shaker.Wait()
	took := time.Since(began)
	st := k.rt.Stats()
	t.Logf("%d calls in %v (%.0f a second): %d answered, %d without an answer in time, %d ended by a crash, %d refused; %d wrong, %d hung; %d late answers, %d unmatched, %d malformed; generation %d",
		k.made.Load(), took.Round(time.Millisecond), float64(k.made.Load())/took.Seconds(), k.answered.Load(), k.late.Load(), k.crashed.Load(),
		k.refused.Load(), k.wrong.Load(), k.hung.Load(), st.LateAnswers, st.Unmatched, st.Malformed, k.s.Generation())
	if k.wrong.Load() > 0 || k.hung.Load() > 0 {
		t.Errorf("%d wrong answers, %d calls that hung", k.wrong.Load(), k.hung.Load())
	}
	if k.answered.Load() < k.made.Load()/2 {
		t.Errorf("only %d of %d calls were answered", k.answered.Load(), k.made.Load())
	}
}

func (k *soak) work(t *testing.T, r *rand.Rand) {
	kinds := []func(*rand.Rand, *soakWorker) (int, error){
		(*soak).echo(k), (*soak).echo(k), (*soak).echo(k), (*soak).echo(k), (*soak).futures(k), (*soak).batch(k), (*soak).fill(k), (*soak).spill(k),
	}
	w := &soakWorker{t: t}
	for k.made.Load() < k.calls {
		ctx, cancel := context.WithTimeout(t.Context(), k.limit)
		w.ctx = ctx
		began := time.Now()
		n, err := kinds[r.IntN(len(kinds))](r, w)
		if took := time.Since(began); took > k.limit+hangs {
			k.hung.Add(1)
			t.Errorf("a call with a deadline after %v took %v", k.limit, took)
		}
		cancel()
		k.made.Add(int64(n))
		k.count(t, err, n)
	}
}

type soakWorker struct {
	t   *testing.T
	ctx context.Context
}

// errWrong is an answer that is not right.
var errWrong = errors.New("wrong answer")

func (k *soak) count(t *testing.T, err error, n int) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && n > 1 {
		for _, e := range joined.Unwrap() {
			k.count(t, e, 1)
		}
		k.answered.Add(int64(n - len(joined.Unwrap())))
		return
	}
	switch {
	case err == nil:
		k.answered.Add(int64(n))
	case errors.Is(err, errWrong):
		k.wrong.Add(1)
		t.Error(err)
	case errors.Is(err, runtime.ErrCrashed):
		k.crashed.Add(1)
	case errors.Is(err, context.DeadlineExceeded):
		k.late.Add(1)
	case errors.Is(err, runtime.ErrRemote), errors.Is(err, runtime.ErrProtocol), errors.Is(err, syscall.ENOMEM):
		k.refused.Add(1)
	default:
		k.wrong.Add(1)
		t.Errorf("an error of no kind that can be expected: %v", err)
	}
}

func expect(what string, got, want uint64) error {
	if got != want {
		return fmt.Errorf("%w: %s is %d, not %d", errWrong, what, got, want)
	}
	return nil
}

func (k *soak) echo() func(*rand.Rand, *soakWorker) (int, error) {
	return func(r *rand.Rand, w *soakWorker) (int, error) {
		var n uint64
		want := r.Uint64() >> r.IntN(64)
		if err := k.s.Call(w.ctx, "echo", &n, want); err != nil {
			return 1, err
		}
		return 1, expect("echo", n, want)
	}
}

func (k *soak) futures() func(*rand.Rand, *soakWorker) (int, error) {
	return func(r *rand.Rand, w *soakWorker) (int, error) {
		want := [4]uint64{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}
		var got [len(want)]uint64
		var futures [len(want)]*runtime.Future
		for i := range want {
			futures[i] = k.s.Go(w.ctx, "echo", &got[i], want[i])
		}
		var errs []error
		for i, f := range futures {
			err := f.Wait()
			if err == nil {
				err = expect("future", got[i], want[i])
			}
			if err != nil {
				errs = append(errs, err)
			}
		}
		return len(want), errors.Join(errs...)
	}
}

func (k *soak) batch() func(*rand.Rand, *soakWorker) (int, error) {
	return func(r *rand.Rand, w *soakWorker) (int, error) {
		want := [6]uint64{}
		var got [len(want)]uint64
		b := k.s.NewBatch()
		for i := range want {
			want[i] = r.Uint64()>>1 | 1
			b.Add("echo", &got[i], want[i])
		}
		err := b.Do(w.ctx)
		for i := range want {
			if got[i] != 0 && got[i] != want[i] || err == nil && got[i] == 0 {
				return 1, expect("call of a batch", got[i], want[i])
			}
		}
		return len(want), err
	}
}

// fill has the processor write to a buffer of its own. Nothing but its call may have written there.
func (k *soak) fill() func(*rand.Rand, *soakWorker) (int, error) {
	return func(r *rand.Rand, w *soakWorker) (n int, err error) {
		size := int64(1+r.IntN(4)) << 12
		b, err := k.rt.Alloc(w.ctx, runtime.AllocConfig{Size: size, Name: "soak"})
		if err != nil {
			return 1, err
		}
		defer func() {
			if e := b.Close(); e != nil {
				err = fmt.Errorf("%w: closing a buffer: %w", errWrong, e)
			}
		}()
		p := make([]byte, size)
		if _, err := b.ReadAt(p, 0); err != nil {
			return 1, fmt.Errorf("%w: a new buffer: %w", errWrong, err)
		}
		for i, v := range p {
			if v != 0 {
				return 1, fmt.Errorf("%w: byte %d of a new buffer is %#x", errWrong, i, v)
			}
		}
		v := byte(1 + r.IntN(255))
		if err := k.s.Call(w.ctx, "fill", nil, b.Range(0, size/2, runtime.Out), v); err != nil {
			return 1, err
		}
		if _, err := b.ReadAt(p, 0); err != nil {
			return 1, fmt.Errorf("%w: %w", errWrong, err)
		}
		for i, got := range p {
			if want := v; i < len(p)/2 && got != want || i >= len(p)/2 && got != 0 {
				return 1, fmt.Errorf("%w: byte %d after fill with %#x is %#x", errWrong, i, want, got)
			}
		}
		return 1, nil
	}
}

func (k *soak) spill() func(*rand.Rand, *soakWorker) (int, error) {
	return func(r *rand.Rand, w *soakWorker) (int, error) {
		p := make([]byte, 600+r.IntN(3000))
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		var n uint64
		if err := k.s.Call(w.ctx, "crc32c", &n, p); err != nil {
			return 1, err
		}
		return 1, expect("crc32c", n, uint64(crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli))))
	}
}

// TestSoak: OFFLOAD_SOAK is the number of calls. Messages are lost, doubled, cut and overtaken by the seed, the processor
// crashes, hangs and stands still, memory runs out. Requests are not doubled: virtio cannot, and a function that runs a second time
// after its answer writes to memory that it has given back.
func TestSoak(t *testing.T) {
	k := &soak{workers: 24, limit: 60 * time.Millisecond, every: 997}
	k.env(t, 20000)
	processors := sim.DefaultProcessors()
	processors[0].Beat = 10 * time.Millisecond
	processors[0].RecoveryDelay = time.Millisecond
	board, rt := simulated(t, sim.Config{Processors: processors, Faults: sim.Faults{
		Seed: k.seed, Drop: 0.0002, Reorder: 0.01, Delay: 0.002, MaxDelay: 5 * time.Millisecond, Truncate: 0.0002,
	}})
	k.rt = rt
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	image, err := sim.Firmware(sim.FirmwareConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for k.s == nil { // its messages may be lost too
		once, cancel := context.WithTimeout(ctx, time.Second)
		k.s, err = rt.Start(once, runtime.SessionConfig{Processor: "dsp0", Image: image, Watch: 5 * time.Millisecond,
			Recovery: runtime.RecoverRestart, RestartLimit: 1 << 30, Heartbeat: 2 * time.Second, RecoveryTime: time.Minute})
		cancel()
		if err != nil && ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	kinds := []sim.Fault{
		{Kind: sim.CrashBefore}, {Kind: sim.CrashAfter}, {Kind: sim.CrashBefore, Skip: 3}, {Kind: sim.Stall, Delay: 20 * time.Millisecond},
		{Kind: sim.NoMemory, Count: 3}, {Kind: sim.NoAttach}, {Kind: sim.Corrupt}, {Kind: sim.Corrupt, ToHost: true}, {Kind: sim.UnknownID},
		{Kind: sim.Duplicate, ToHost: true, Count: 20}, {Kind: sim.CrashBefore, Method: "fill"}, {Kind: sim.Hang},
	}
	k.shake = func(ctx context.Context, r *rand.Rand) {
		f := kinds[r.IntN(len(kinds))]
		if f.Kind == sim.Hang && r.IntN(8) != 0 { // it takes as long as its silence takes to be noticed
			f.Kind = sim.CrashBefore
		}
		processor := "dsp0"
		if f.Kind == sim.NoMemory {
			processor = ""
		}
		if err := board.Inject(processor, f); err != nil {
			t.Error(err)
		}
	}
	k.run(t)
	if err := k.s.Close(); err != nil {
		t.Errorf("closing the session: %v", err)
	}
	if n := rt.Stats().Memory.Live; n != 0 {
		t.Errorf("%d bytes of buffers are left", n)
	}
}
