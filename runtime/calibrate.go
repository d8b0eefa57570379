// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/subbuf"
)

// CalibrateConfig says what to measure.
type CalibrateConfig struct {
	Heap      string // of the parents; "" is the runtime's DDR heap
	Copies    string // heap of the copies; "" is Heap
	Processor string // attached to both; "" is none, so that SYNC costs nothing
	Size      int64  // bytes of the largest buffer; 0 is 4 MiB
}

const (
	calibrateSize  = 4 << 20
	calibrateTries = 7
)

// Calibrate measures what copies, SYNC and allocation cost on this board, and lets sub-buffers with subbuf.Auto decide by it
// from then on, for parents without sub-buffers so far. Each figure is the best of some tries, because what disturbs only
// makes them worse. The result can be kept for Config.Cost.
func (rt *Runtime) Calibrate(ctx context.Context, c CalibrateConfig) (m subbuf.CostModel, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("calibrating: %w", err)
		}
	}()
	if c.Size == 0 {
		c.Size = calibrateSize
	}
	if c.Size < 64<<10 {
		return m, fmt.Errorf("with %d bytes, want 64 KiB or more: %w", c.Size, os.ErrInvalid)
	}
	if c.Copies == "" {
		c.Copies = c.Heap
	}
	a := AllocConfig{Name: "calibration", Keep: true}
	if c.Processor != "" {
		a.For = []string{c.Processor}
	}
	get := func(heap string, size int64) (*Buffer, error) {
		a.Heap, a.Size = heap, size
		b, err := rt.Alloc(ctx, a)
		if err != nil {
			return nil, err
		}
		// The first touch is a cost of allocation, and not of copies.
		if err := b.View(dmabuf.Write, func(p []byte) error { clear(p); return nil }); err != nil {
			return nil, errors.Join(err, b.Close())
		}
		return b, nil
	}
	var bufs [3]*Buffer
	defer func() {
		for _, b := range bufs {
			if b != nil {
				err = joined(err, b.Close())
			}
		}
	}()
	for i, from := range []struct {
		heap string
		size int64
	}{{c.Heap, c.Size}, {c.Copies, c.Size}, {c.Copies, resident}} {
		if bufs[i], err = get(from.heap, from.size); err != nil {
			return m, err
		}
	}
	m = subbuf.DefaultCost()
	copied, err := best(ctx, func() error {
		return bufs[0].View(dmabuf.Read, func(from []byte) error {
			return bufs[1].View(dmabuf.Write, func(to []byte) error { copy(to, from); return nil })
		})
	})
	if err != nil {
		return m, err
	}
	var syncs [2]float64
	for i, b := range []*Buffer{bufs[2], bufs[1]} {
		if syncs[i], err = best(ctx, func() error {
			return joined(b.mem.SyncEnd(dmabuf.ReadWrite), b.mem.SyncStart(dmabuf.ReadWrite))
		}); err != nil {
			return m, err
		}
	}
	again, err := best(ctx, func() error {
		b, err := rt.Alloc(ctx, AllocConfig{Heap: c.Copies, Size: c.Size, Name: "calibration", Keep: true})
		if err != nil {
			return err
		}
		return b.Close()
	})
	if err != nil {
		return m, err
	}
	m.CopyNsPerByte = copied / float64(c.Size)
	m.SyncFixedNs = syncs[0] / 2
	m.SyncNsPerByte = max(0, syncs[1]-syncs[0]) / 2 / float64(c.Size-resident)
	m.AllocNs = again
	rt.cost.Store(&m)
	return m, nil
}

// best is the shortest time of some tries, in nanoseconds.
func best(ctx context.Context, f func() error) (float64, error) {
	least := time.Duration(1<<63 - 1)
	for range calibrateTries {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		least = min(least, time.Since(began))
	}
	return float64(least), nil
}
