// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"fmt"
	"time"

	"github.com/offload-runtime/offload/dmabuf"
)

// CostModel is what the operations cost on a board, in nanoseconds. The zero value stands for DefaultCost.
type CostModel struct {
	CopyNsPerByte float64 // copying between parent and copy
	RowNs         float64 // beginning another row of a rectangle
	SyncFixedNs   float64 // one SYNC ioctl of an empty buffer
	SyncNsPerByte float64 // one SYNC in one direction, for each byte of the buffer
	AllocNs       float64 // getting memory for the copy, attached and mapped, and giving it back
	// ParentSyncNsPerByte is what a bracket on the parent costs for a transfer. It is 0 where the parent is with the CPU
	// before and after, so that its SYNC is left out or does nothing.
	ParentSyncNsPerByte float64
}

// DefaultCost is measured with a non-coherent processor on an emulated arm64 board: 5 GB/s for copies, 6.6 ns for each
// line of 64 bytes and direction, and copies whose memory comes from a pool.
func DefaultCost() CostModel {
	return CostModel{CopyNsPerByte: 0.2, RowNs: 10, SyncFixedNs: 1300, SyncNsPerByte: 0.103, AllocNs: 2000}
}

// Copy estimates a round trip through a copy: fill, hand over, take back, write back.
func (c CostModel) Copy(r Region, parent int64, a dmabuf.Access) (time.Duration, error) {
	if r == nil {
		return 0, fmt.Errorf("no region: %w", ErrRegion)
	}
	l, err := r.layout(0, 0)
	if err != nil {
		return 0, err
	}
	return c.copyCost(l, parent, a), nil
}

// Share estimates a round trip with the parent itself.
func (c CostModel) Share(parent int64, a dmabuf.Access) time.Duration { return c.shareCost(parent, a) }

func (c CostModel) orDefault() CostModel {
	if c == (CostModel{}) {
		return DefaultCost()
	}
	return c
}

func (c CostModel) valid() error {
	for _, v := range []float64{c.CopyNsPerByte, c.RowNs, c.SyncFixedNs, c.SyncNsPerByte, c.AllocNs, c.ParentSyncNsPerByte} {
		if !(v >= 0 && v < 1e12) {
			return fmt.Errorf("cost model %+v: %v is no cost", c, v)
		}
	}
	return nil
}

func (c CostModel) copyCost(l layout, parent int64, a dmabuf.Access) time.Duration {
	way := float64(l.bytes())*c.CopyNsPerByte + float64(l.h*l.d-1)*c.RowNs + // the copy
		c.SyncFixedNs + float64(l.childLen)*c.SyncNsPerByte + // the SYNC of the copy's memory
		float64(parent)*c.ParentSyncNsPerByte
	return duration(c.AllocNs + ways(a)*way)
}

func (c CostModel) shareCost(parent int64, a dmabuf.Access) time.Duration {
	return duration(ways(a) * (c.SyncFixedNs + float64(parent)*c.SyncNsPerByte))
}

// ways is how often bytes go over: to the processor if it reads, back if it writes.
func ways(a dmabuf.Access) float64 {
	if a == dmabuf.ReadWrite {
		return 2
	}
	return 1
}

func duration(ns float64) time.Duration { return time.Duration(min(ns, 1e18)) }
