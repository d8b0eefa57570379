// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"math"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/internal/functions"
)

// Functions returns a new Mux with the function set of docs/protocol.md section 7, to which functions may be added.
func Functions() *Mux {
	m := NewMux()
	m.HandleFunc("echo", echo)
	m.HandleFunc("sum", onData(functions.Sum))
	m.HandleFunc("crc32c", onData(func(p []byte) uint64 { return uint64(functions.CRC32C(p)) }))
	m.HandleFunc("fill", fill)
	m.HandleFunc("copy", func(c *Call) error {
		out, data := c.Out(), c.Data()
		if err := c.End(); err != nil {
			return err
		}
		return c.ResultUint(functions.Copy(out, data))
	})
	m.HandleFunc("add_i16", onVectors(functions.AddI16))
	m.HandleFunc("fir_q15", onVectors(functions.FIRQ15))
	m.HandleFunc("gauss5x5", onPicture(functions.Gauss5x5))
	m.HandleFunc("sobel3x3", onPicture(functions.Sobel3x3))
	m.HandleFunc("matmul_i8", matmul)
	m.HandleFunc("poke", poke)
	m.HandleFunc("peek", peek)
	m.HandleFunc("hang", func(c *Call) error {
		if err := c.End(); err != nil {
			return err
		}
		c.Hang()
		return nil
	})
	m.HandleFunc("crash", crash)
	m.HandleFunc("wild", func(c *Call) error {
		a := c.Uint()
		if err := c.End(); err != nil {
			return err
		}
		// A core with 32 address bits computes with 32 bits, and reads what it did not mean.
		if bits := c.run.p.windows.AddressBits(); bits < 64 {
			a &= 1<<bits - 1
		}
		return c.ResultUint(uint64(c.Load32(bufmap.DeviceAddr(a))))
	})
	m.HandleTask("sleep", sleep)
	return m
}

func echo(c *Call) error {
	v, err := c.params.Raw()
	if err != nil {
		return c.badArgument(err)
	}
	if err := c.End(); err != nil {
		return err
	}
	return c.ResultRaw(v)
}

func onData(f func([]byte) uint64) Handler {
	return func(c *Call) error {
		data := c.Data()
		if err := c.End(); err != nil {
			return err
		}
		return c.ResultUint(f(data))
	}
}

func onVectors(f func(out, a, b []byte) (uint64, error)) Handler {
	return func(c *Call) error {
		out, a, b := c.Out(), c.Data(), c.Data()
		if err := c.End(); err != nil {
			return err
		}
		return c.count(f(out, a, b))
	}
}

func onPicture(f func(out, in []byte, width, height, stride uint64) (uint64, error)) Handler {
	return func(c *Call) error {
		out, in, w, h, s := c.Out(), c.Data(), c.Uint(), c.Uint(), c.Uint()
		if err := c.End(); err != nil {
			return err
		}
		return c.count(f(out, in, w, h, s))
	}
}

func matmul(c *Call) error {
	out, a, b, m, n, k := c.Out(), c.Data(), c.Data(), c.Uint(), c.Uint(), c.Uint()
	if err := c.End(); err != nil {
		return err
	}
	return c.count(functions.MatMulI8(out, a, b, m, n, k))
}

func (c *Call) count(n uint64, err error) error {
	if err != nil {
		return err
	}
	return c.ResultUint(n)
}

func fill(c *Call) error {
	out, v := c.Out(), c.Uint()
	if err := c.End(); err != nil {
		return err
	}
	if v > math.MaxUint8 {
		return &Error{Code: CodeBadArguments, Text: "fill: the value is more than a byte"}
	}
	return c.ResultUint(functions.Fill(out, byte(v)))
}

func poke(c *Call) error {
	a, pattern, n := c.Uint(), c.Uint(), c.Uint()
	if err := c.End(); err != nil {
		return err
	}
	switch {
	case pattern > math.MaxUint32:
		return &Error{Code: CodeBadArguments, Text: "poke: the pattern is more than 32 bits"}
	case a%4 != 0:
		return &Error{Code: CodeBadArguments, Text: "poke: the address is not a multiple of 4"}
	case n > math.MaxUint64/4:
		return &Error{Code: CodeBadBuffer, Text: "poke: more words than there are addresses"}
	}
	m, err := c.Memory(bufmap.DeviceAddr(a), 4*n)
	if err != nil {
		return err
	}
	for ; len(m) >= 4; m = m[4:] {
		m[0], m[1], m[2], m[3] = byte(pattern), byte(pattern>>8), byte(pattern>>16), byte(pattern>>24)
	}
	return c.ResultUint(n)
}

func peek(c *Call) error {
	a := c.Uint()
	if err := c.End(); err != nil {
		return err
	}
	if a%4 != 0 {
		return &Error{Code: CodeBadArguments, Text: "peek: the address is not a multiple of 4"}
	}
	m, err := c.Memory(bufmap.DeviceAddr(a), 4)
	if err != nil {
		return err
	}
	return c.ResultUint(uint64(m[0]) | uint64(m[1])<<8 | uint64(m[2])<<16 | uint64(m[3])<<24)
}

func crash(c *Call) error {
	when := c.Uint()
	if err := c.End(); err != nil {
		return err
	}
	switch when {
	case 0:
		c.Crash("crash was called")
	case 1:
		c.CrashAfter("crash was called")
	default:
		return &Error{Code: CodeBadArguments, Text: "crash: when is 0 or 1"}
	}
	return nil
}

func sleep(c *Call) error {
	ms := c.Uint()
	if err := c.End(); err != nil {
		return err
	}
	t := time.NewTimer(time.Duration(min(ms, math.MaxInt64/uint64(time.Millisecond))) * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.Context().Done():
		return c.Context().Err()
	}
}
