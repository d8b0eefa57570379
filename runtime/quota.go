// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// ErrQuota: an allocation would go beyond a quota. The error is a *QuotaError.
var ErrQuota = errors.New("quota exceeded")

// Quota limits what a runtime has allocated at a time, also what quarantine keeps. Memory that rests for reuse and imported
// buffers do not count. A limit of 0 is none.
type Quota struct {
	Label   string // AllocConfig.Name of the buffers; "" is all of them together
	Heap    string // name or alias; "" is all heaps together
	Bytes   int64
	Buffers int
}

// QuotaError says which quota an allocation would exceed, and by how much.
type QuotaError struct {
	Quota   Quota
	Wanted  int64 // bytes
	Bytes   int64 // in use
	Buffers int   // in use
}

func (e *QuotaError) Error() string {
	of := "the runtime"
	if e.Quota.Label != "" {
		of = fmt.Sprintf("label %q", e.Quota.Label)
	}
	if e.Quota.Heap != "" {
		of += fmt.Sprintf(" on heap %q", e.Quota.Heap)
	}
	limit := func(n int64) string {
		if n == 0 {
			return "no limit"
		}
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%v of %s: %d bytes more, %d in use of %s; %d buffers in use of %s", ErrQuota, of,
		e.Wanted, e.Bytes, limit(e.Quota.Bytes), e.Buffers, limit(int64(e.Quota.Buffers)))
}

// Unwrap makes errors.Is work for ErrQuota.
func (e *QuotaError) Unwrap() error { return ErrQuota }

// budget is a quota and what is used of it.
type budget struct {
	Quota
	heap    string // the exact name
	bytes   int64
	buffers int
}

type budgets struct {
	mu   sync.Mutex
	list []*budget
}

func (rt *Runtime) setQuotas(list []Quota) error {
	for _, q := range list {
		if q.Bytes < 0 || q.Buffers < 0 {
			return fmt.Errorf("quota of %d bytes, %d buffers: %w", q.Bytes, q.Buffers, os.ErrInvalid)
		}
		b := &budget{Quota: q}
		if q.Heap != "" {
			h, err := rt.heap(q.Heap)
			if err != nil {
				return fmt.Errorf("quota: %w", err)
			}
			b.heap = h.Name
		}
		rt.budgets.list = append(rt.budgets.list, b)
	}
	return nil
}

func (b *budget) covers(heap, label string) bool {
	return (b.heap == "" || b.heap == heap) && (b.Label == "" || b.Label == label)
}

// charge enters an allocation with all quotas that it counts for, or with none.
func (q *budgets) charge(heap, label string, size int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range q.list {
		if b.covers(heap, label) && (b.Bytes > 0 && size > b.Bytes-b.bytes || b.Buffers > 0 && b.buffers >= b.Buffers) {
			return &QuotaError{Quota: b.Quota, Wanted: size, Bytes: b.bytes, Buffers: b.buffers}
		}
	}
	for _, b := range q.list {
		if b.covers(heap, label) {
			b.bytes, b.buffers = b.bytes+size, b.buffers+1
		}
	}
	return nil
}

func (q *budgets) refund(heap, label string, size int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range q.list {
		if b.covers(heap, label) {
			b.bytes, b.buffers = b.bytes-size, b.buffers-1
		}
	}
}
