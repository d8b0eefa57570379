// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"

	"github.com/offload-runtime/offload/dmabuf"
)

// BeginContext is Begin for callers that wait: where a call has the buffer it returns when that has ended, or ctx has, and
// not ErrBusy. For a buffer whose call was abandoned it fails at once with ErrQuarantined, because that may take for ever.
func (b *Buffer) BeginContext(ctx context.Context, a dmabuf.Access) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%v: opening a bracket: %w", b, err)
	}
	for {
		b.mu.Lock()
		err := b.beginLocked(a)
		if err == nil || !errors.Is(err, ErrBusy) || errors.Is(err, ErrQuarantined) {
			b.mu.Unlock()
			return err
		}
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w; waited for it: %w", err, ctx.Err())
		}
	}
}

// ViewContext is View that waits as BeginContext does.
func (b *Buffer) ViewContext(ctx context.Context, a dmabuf.Access, f func([]byte) error) error {
	if err := b.BeginContext(ctx, a); err != nil {
		return err
	}
	return b.within(a, f)
}

// wakeLocked tells those who wait for a bracket that the calls have changed. b.mu is held.
func (b *Buffer) wakeLocked() {
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}
