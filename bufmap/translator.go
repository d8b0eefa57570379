// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"fmt"
	"io"

	"github.com/offload-runtime/offload/dmabuf"
)

// Result is what a translator learnt about a buffer for one processor.
type Result struct {
	Phys       PhysAddr  // bus address of byte 0
	Size       uint64    // contiguous bytes from there
	Provenance string    // name of the translator
	Attachment io.Closer // the kernel's record that the device uses the buffer; nil if the translator holds none
	Uncached   bool      // the CPU mapping is not cached, so that no SYNC is needed
	SelfSync   bool      // SYNC works without an attachment, as that of a udmabuf does; attaching cleans nothing then
}

// Translator is one way to learn the bus address of a buffer. It returns an error that wraps errors.ErrUnsupported where
// the way does not exist for this buffer or kernel, so that the next one is tried; any other error ends the search.
// The Attachment of the result, where there is one, lives until it is closed.
type Translator interface {
	Name() string
	Translate(b *dmabuf.Buffer) (Result, error)
}

// Chain tries translators in order.
type Chain []Translator

// Translate returns the first answer. The error when none answers names each translator and its reason.
func (c Chain) Translate(b *dmabuf.Buffer) (Result, error) {
	var reasons []error
	for _, t := range c {
		r, err := t.Translate(b)
		switch {
		case err == nil && r.Size < uint64(b.Size()):
			err = fmt.Errorf("address of buffer %q: %w: %s found %d contiguous bytes of %d at physical %v",
				b.Name(), ErrNotContiguous, t.Name(), r.Size, b.Size(), r.Phys)
			if r.Attachment != nil {
				err = errors.Join(err, r.Attachment.Close())
			}
			return Result{}, err
		case err == nil:
			if r.Provenance == "" {
				r.Provenance = t.Name()
			}
			return r, nil
		case !errors.Is(err, errors.ErrUnsupported):
			return Result{}, fmt.Errorf("address of buffer %q by %s: %w", b.Name(), t.Name(), err)
		}
		reasons = append(reasons, fmt.Errorf("%s: %w", t.Name(), err))
	}
	if len(reasons) == 0 {
		return Result{}, fmt.Errorf("address of buffer %q: %w: the processor has no translators", b.Name(), ErrNoTranslator)
	}
	return Result{}, fmt.Errorf("address of buffer %q: %w: %w", b.Name(), ErrNoTranslator, errors.Join(reasons...))
}
