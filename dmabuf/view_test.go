// SPDX-License-Identifier: Apache-2.0

package dmabuf_test

import (
	"errors"
	"os"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
)

func TestViewAs(t *testing.T) {
	b := anonymous(t, 4096)
	type sample float32 // a type of one's own
	err := dmabuf.ViewAs(b, dmabuf.Write, func(v []sample) error {
		if len(v) != 1024 || cap(v) != 1024 {
			t.Errorf("%d of %d samples", len(v), cap(v))
		}
		v[1023] = 1.5
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = dmabuf.ViewAs(b, dmabuf.Read, func(v []uint32) error {
		if v[1023] != 0x3fc00000 {
			t.Errorf("%#x", v[1023])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := dmabuf.ViewAs(b, 0, func([]int8) error { return nil }); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	mine := errors.New("mine")
	if err := dmabuf.ViewAs(b, dmabuf.Read, func([]int64) error { return mine }); !errors.Is(err, mine) {
		t.Error(err)
	}
}

func TestViewAsTail(t *testing.T) {
	odd := newBuffer(t, &exporter{size: 4098})
	if err := dmabuf.ViewAs(odd, dmabuf.Read, func([]int64) error { t.Error("called"); return nil }); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	if err := dmabuf.ViewAs(odd, dmabuf.Read, func(v []int16) error {
		if len(v) != 2049 {
			t.Error(len(v))
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
