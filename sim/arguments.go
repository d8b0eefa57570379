// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/internal/wire"
)

// Ref is an argument that refers to a range of a buffer.
type Ref struct {
	Addr        bufmap.DeviceAddr
	Len         uint64
	Read, Write bool // what the function may do
}

func (c *Call) badArgument(err error) error {
	if c.err == nil {
		c.err = &Error{Code: CodeBadArguments, Text: fmt.Sprintf("argument of %s: %v", c.method, err)}
	}
	return c.err
}

// Err is what is wrong with the arguments taken so far.
func (c *Call) Err() error { return c.err }

// End is Err, and an error if there are more arguments than were taken. Functions call it before they do anything.
func (c *Call) End() error {
	if c.err == nil && c.params.Len() > 0 {
		c.err = &Error{Code: CodeBadArguments, Text: fmt.Sprintf("%s: %d arguments too many", c.method, c.params.Len())}
	}
	return c.err
}

// Len is the number of arguments that are left.
func (c *Call) Len() int { return c.params.Len() }

// take reads the next argument unless one before was wrong.
func take[T any](c *Call, read func(*wire.Values) (T, error)) T {
	var zero T
	if c.err != nil {
		return zero
	}
	v, err := read(&c.params)
	if err != nil {
		c.badArgument(err)
		return zero
	}
	return v
}

// Uint takes an integer that is not negative.
func (c *Call) Uint() uint64 { return take(c, (*wire.Values).Uint) }

// Int takes an integer.
func (c *Call) Int() int64 { return take(c, (*wire.Values).Int) }

// Bool takes a boolean.
func (c *Call) Bool() bool { return take(c, (*wire.Values).Bool) }

// Float takes a number.
func (c *Call) Float() float64 { return take(c, (*wire.Values).Float) }

// Str takes a string.
func (c *Call) Str() string { return string(take(c, (*wire.Values).Str)) }

// Bytes takes a byte string that came with the call. It is valid until the function returns.
func (c *Call) Bytes() []byte { return take(c, (*wire.Values).Bin) }

// Decode takes one argument of any type by the rules of msgpack.Unmarshal.
func (c *Call) Decode(dst any) {
	if c.err == nil {
		if err := c.params.Decode(dst); err != nil {
			c.badArgument(err)
		}
	}
}

// Ref takes the range of a buffer as it came. Nothing is checked: see Memory.
func (c *Call) Ref() Ref {
	r := take(c, (*wire.Values).Ref)
	return Ref{Addr: bufmap.DeviceAddr(r.Addr), Len: r.Len, Read: r.Flags&wire.RefRead != 0, Write: r.Flags&wire.RefWrite != 0}
}

// Data takes bytes to read: a byte string that came with the call, or a range of a buffer.
func (c *Call) Data() []byte {
	if c.err == nil && c.params.Type() == wire.TypeBin {
		return c.Bytes()
	}
	r := c.Ref()
	if c.err == nil && !r.Read {
		c.err = &Error{Code: CodeBadBuffer, Text: fmt.Sprintf("%s: the range at %v may not be read", c.method, r.Addr)}
	}
	return c.memory(r)
}

// Out takes bytes to write: a range of a buffer.
func (c *Call) Out() []byte {
	r := c.Ref()
	if c.err == nil && !r.Write {
		c.err = &Error{Code: CodeBadBuffer, Text: fmt.Sprintf("%s: the range at %v may not be written", c.method, r.Addr)}
	}
	return c.memory(r)
}

func (c *Call) memory(r Ref) []byte {
	if c.err != nil {
		return nil
	}
	m, err := c.Memory(r.Addr, r.Len)
	if err != nil {
		c.err = err
	}
	return m
}

// ResultUint sets the result.
func (c *Call) ResultUint(v uint64) error {
	c.reply = wire.AppendUint(c.head(), v)
	return nil
}

// ResultInt sets the result.
func (c *Call) ResultInt(v int64) error {
	c.reply = wire.AppendInt(c.head(), v)
	return nil
}

// ResultStr sets the result.
func (c *Call) ResultStr(s string) error {
	c.reply = wire.AppendStr(c.head(), s)
	return nil
}

// ResultBytes sets the result to a byte string.
func (c *Call) ResultBytes(p []byte) error {
	if len(p) > mtu {
		return &Error{Code: CodeTooLarge, Text: fmt.Sprintf("a result of %d bytes does not fit", len(p))}
	}
	c.reply = wire.AppendBin(c.head(), p)
	return nil
}

// ResultRaw sets the result to one encoded MessagePack value.
func (c *Call) ResultRaw(raw []byte) error {
	c.reply = append(c.head(), raw...)
	return nil
}

// Result sets the result to any value, encoded by the rules of msgpack.Marshal.
func (c *Call) Result(v any) error {
	raw, err := msgpack.Marshal(v)
	if err != nil {
		return err
	}
	return c.ResultRaw(raw)
}

func (c *Call) head() []byte { return wire.AppendResponse(c.buf[:0], c.id) }

func (c *Call) resultUints(list ...uint64) error {
	b := wire.AppendArray(c.head(), len(list))
	for _, v := range list {
		b = wire.AppendUint(b, v)
	}
	c.reply = b
	return nil
}
