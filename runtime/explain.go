// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNoHeap: no heap meets the needs of an allocation. The error is a *NeedError, which says why not.
var ErrNoHeap = errors.New("no heap meets the needs")

// HeapVerdict says whether a heap meets the needs of an allocation, and why.
type HeapVerdict struct {
	Heap    string
	Suits   bool
	Rank    int      // 1 is the heap that Alloc takes, 2 the next best; 0 does not suit
	Reasons []string // why not; for heaps that suit, what makes them better or worse

	info  HeapInfo
	score int
	small bool // nothing but its size is against it
}

func (v HeapVerdict) String() string {
	s := v.Heap + ": no"
	if v.Suits {
		s = fmt.Sprintf("%s: choice %d", v.Heap, v.Rank)
	}
	if len(v.Reasons) > 0 {
		s += " (" + strings.Join(v.Reasons, "; ") + ")"
	}
	return s
}

// NeedError says for each heap why it was not taken. It is ErrNoHeap, and ErrNoMemory too where a heap that meets all other
// needs is too small.
type NeedError struct{ Verdicts []HeapVerdict }

func (e *NeedError) Error() string {
	if len(e.Verdicts) == 0 {
		return ErrNoHeap.Error() + ": the board has none"
	}
	return ErrNoHeap.Error() + ": " + listed(e.Verdicts)
}

// Is matches ErrNoHeap and, for lack of room, ErrNoMemory.
func (e *NeedError) Is(target error) bool {
	return target == ErrNoHeap || target == ErrNoMemory && slices.ContainsFunc(e.Verdicts, func(v HeapVerdict) bool { return v.small })
}

func listed(list []HeapVerdict) string {
	s := make([]string, len(list))
	for i, v := range list {
		s[i] = v.String()
	}
	return strings.Join(s, ", ")
}

// Explain says for each heap of the board whether Alloc with c would take it, in the order of choice, and why or why not.
// Whether a processor reaches a heap is learnt once, with a page that is allocated, attached and given back.
func (rt *Runtime) Explain(ctx context.Context, c AllocConfig) ([]HeapVerdict, error) {
	list, err := rt.judge(ctx, &c)
	if err != nil {
		return nil, fmt.Errorf("explaining an allocation of %d bytes: %w", c.Size, err)
	}
	return list, nil
}

func (rt *Runtime) judge(ctx context.Context, c *AllocConfig) ([]HeapVerdict, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	processors, err := rt.targets(c.For)
	if err != nil {
		return nil, err
	}
	named := ""
	if c.Heap != "" || !c.needs() {
		name := c.Heap
		if name == "" {
			name = rt.ddr
		}
		h, err := rt.heap(name)
		if err != nil {
			return nil, err
		}
		named = h.Name
	}
	heaps, err := rt.board.Heaps()
	if err != nil {
		return nil, err
	}
	list := make([]HeapVerdict, len(heaps))
	for i, h := range heaps {
		list[i] = c.judge(h, h.Name == named, rt.ddr)
		if named != "" && h.Name != named && !c.Fallback {
			list[i].refuse("another heap is named")
		}
		if !list[i].Suits {
			continue
		}
		for _, p := range processors {
			if err := rt.reach(ctx, h, p); err != nil {
				list[i].refuse(fmt.Sprintf("%s does not reach it: %v", p.info.Name, err))
			}
		}
	}
	slices.SortStableFunc(list, func(a, b HeapVerdict) int {
		if a.Suits != b.Suits {
			if a.Suits {
				return -1
			}
			return 1
		}
		return b.score - a.score
	})
	for i := range list {
		if list[i].Suits {
			list[i].Rank = i + 1
		}
	}
	return list, nil
}

func (v *HeapVerdict) refuse(why string) {
	v.Suits, v.small = false, false
	v.Reasons = append(v.Reasons, why)
}

func (v *HeapVerdict) weigh(points int, why string) {
	v.score += points
	v.Reasons = append(v.Reasons, why)
}

// judge holds one heap against the needs. Reach is judged elsewhere.
func (c *AllocConfig) judge(h HeapInfo, named bool, ddr string) HeapVerdict {
	v := HeapVerdict{Heap: h.Name, Suits: true, info: h}
	if h.Size >= 0 && c.Size > h.Size {
		v.refuse(fmt.Sprintf("%d bytes are more than its size of %d", c.Size, h.Size))
		v.small = true
	}
	small := v.small
	if (c.Contiguous || len(c.For) > 0 && c.Size > resident) && !h.Contiguous {
		v.refuse("not contiguous")
	}
	switch {
	case c.Secure && h.Mappable:
		v.refuse("the CPU can map it")
	case !c.Secure && !h.Mappable && c.CPU != CPUNever && !(named && c.CPU == CPUAny):
		v.refuse("the CPU cannot map it")
	}
	switch {
	case c.OnChip == OnChipRequired && !h.OnChip:
		v.refuse("not on-chip")
	case c.OnChip == OnChipNo && h.OnChip && !named:
		v.refuse("on-chip memory was not asked for")
	}
	if !v.Suits {
		v.small = small && len(v.Reasons) == 1
		return v
	}
	if named {
		v.weigh(1000, "named")
	}
	if c.OnChip != OnChipNo && h.OnChip {
		v.weigh(500, "on-chip")
	}
	if h.LargestFree >= 0 && c.Size > h.LargestFree {
		v.weigh(-400, fmt.Sprintf("the largest free range is %d bytes now", h.LargestFree))
	} else if h.Free >= 0 && c.Size > h.Free {
		v.weigh(-400, fmt.Sprintf("%d bytes are free now", h.Free))
	}
	switch {
	case c.CPU == CPUReads && h.Cached:
		v.weigh(200, "cached")
	case c.CPU == CPUReads:
		v.weigh(0, "not cached: reads of the CPU are slow")
	case c.CPU == CPUWrites && !h.Cached:
		v.weigh(200, "not cached: no SYNC")
	}
	if !h.Mappable && !c.Secure && !named {
		v.weigh(-100, "the CPU cannot map it")
	}
	if h.Contiguous && !c.Contiguous && len(c.For) == 0 && !named {
		v.weigh(-50, "contiguous, which is not needed and scarce")
	}
	if h.Name == ddr || slices.Contains(h.Aliases, ddr) {
		v.weigh(20, "the runtime's DDR heap")
	}
	return v
}
