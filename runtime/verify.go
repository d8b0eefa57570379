// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/offload-runtime/offload/dmabuf"
)

// ErrIncoherent: CPU and processor do not see each other's bytes, although everything was synchronised that the board's
// description asks for.
var ErrIncoherent = errors.New("CPU and processor see different bytes")

// IncoherentError says what did not arrive. It is ErrIncoherent.
type IncoherentError struct {
	Processor string
	Heap      string
	Direction Direction // In: from the CPU to the processor; Out: from the processor to the CPU
	Wrong     int64     // bytes that did not arrive, in the worst round
	Size      int64     // of how many
	Declared  bool      // the board says that the processor sees the CPU's caches, so that nothing was synchronised
}

func (e *IncoherentError) Error() string {
	way := "the CPU wrote were not what " + e.Processor + " read"
	if e.Direction == Out {
		way = e.Processor + " wrote were not what the CPU read"
	}
	cure := "SYNC does not reach it: the heap's exporter or the attachment is at fault"
	if e.Declared {
		cure = "it is said to be coherent and is not, at least with this heap: take dma-coherent out of its device tree node, or set coherent = false in the board profile"
	}
	return fmt.Sprintf("%v: heap %s: %d of %d bytes that %s; %s", ErrIncoherent, e.Heap, e.Wrong, e.Size, way, cure)
}

// Is matches ErrIncoherent.
func (e *IncoherentError) Is(target error) bool { return target == ErrIncoherent }

const (
	// verifySize fits into the smallest first-level cache, so that lines which nobody cleans stay there.
	verifySize   = 16 << 10
	verifyRounds = 4
)

// VerifyCoherence finds out whether the processor and the CPU see the same bytes in buffers of a heap (a name or an alias,
// "" for the DDR heap) when the runtime hands them over as it always does: by SYNC, or by nothing at all where the processor
// is said to be coherent. A device tree or a board profile that lies about that is exposed here, and not as wrong results
// once in a while. nil says that no difference was seen; a real cache may have written its lines back in time by chance.
//
// The firmware needs the methods fill and sum of docs/protocol.md. The error wraps ErrIncoherent for each direction that
// fails (IncoherentError), or says why there is no answer.
func (s *Session) VerifyCoherence(ctx context.Context, heap string) (err error) {
	fail := func(err error) error {
		return fmt.Errorf("verifying coherence of %s with heap %q: %w", s.Processor(), heap, err)
	}
	b, err := s.rt.Alloc(ctx, AllocConfig{Heap: heap, Size: verifySize, Name: "coherence"})
	if err != nil {
		return fail(err)
	}
	defer func() {
		if cerr := b.Close(); cerr != nil {
			err = errors.Join(err, fail(cerr))
		}
	}()
	in := &IncoherentError{Processor: s.Processor(), Heap: b.Heap(), Direction: In, Size: b.Size(), Declared: s.proc.info.Coherent}
	out := *in
	out.Direction = Out
	for round := range verifyRounds {
		// To the processor all bytes are 0, because it made them so; then the CPU makes each a 1. The sum is how many
		// of them the processor sees.
		if err := s.Call(ctx, "fill", nil, b.Out(), 0); err != nil {
			return fail(err)
		}
		if err := b.View(dmabuf.ReadWrite, func(p []byte) error {
			for i := range p {
				p[i] = 1
			}
			return nil
		}); err != nil {
			return fail(err)
		}
		var arrived uint64
		if err := s.Call(ctx, "sum", &arrived, b.In()); err != nil {
			return fail(err)
		}
		if arrived > verifySize {
			arrived = 0 // no byte the processor sees can be any but 0 or 1
		}
		in.Wrong = max(in.Wrong, b.Size()-int64(arrived))

		// The CPU has the lines in its cache now, and the processor writes others to memory.
		want := []byte{byte(0x80 + round)}
		if err := s.Call(ctx, "fill", nil, b.Out(), want[0]); err != nil {
			return fail(err)
		}
		if err := b.View(dmabuf.Read, func(p []byte) error {
			out.Wrong = max(out.Wrong, int64(len(p)-bytes.Count(p, want)))
			return nil
		}); err != nil {
			return fail(err)
		}
	}
	var errs []error
	for _, e := range []*IncoherentError{in, &out} {
		if e.Wrong > 0 {
			errs = append(errs, e)
		}
	}
	return errors.Join(errs...)
}
