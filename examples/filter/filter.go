// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"context"

	"github.com/offload-runtime/offload/runtime"
)

// Filter is what the firmware does with samples of 8 bits.
type Filter interface {
	// Gain multiplies each byte of in by factor, up to 255. The result is the number of bytes.
	//
	//offload:out out
	//offload:in in
	Gain(ctx context.Context, out, in runtime.Ref, factor uint8) (uint64, error)

	// Invert replaces each byte b by 255 - b.
	//
	//offload:inout data
	Invert(ctx context.Context, data runtime.Ref) error

	// Mean is the mean of bytes, which may be none, plus offset.
	Mean(ctx context.Context, data []byte, offset int16) (float64, error)

	// Threshold sets the limit of Loud, and returns the one before.
	Threshold(ctx context.Context, limit float32) (float32, error)

	// Loud tells whether the mean of bytes is above the limit.
	Loud(ctx context.Context, data []byte) (bool, error)

	// Describe says in words what a filter is.
	//
	//offload:method describe_filter
	Describe(ctx context.Context, name string, verbose bool) (string, error)

	// Kernel is the filter's coefficients.
	Kernel(ctx context.Context, register int) ([]byte, error)
}
