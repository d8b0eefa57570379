// SPDX-License-Identifier: Apache-2.0

package runtime

import "fmt"

// Direction says what the remote function does with a range.
type Direction uint8

// Directions. The values are the flags of docs/protocol.md section 3.
const (
	In    Direction = 1 // the remote reads
	Out   Direction = 2 // the remote writes
	InOut Direction = In | Out
)

func (d Direction) String() string {
	switch d {
	case In:
		return "in"
	case Out:
		return "out"
	case InOut:
		return "in-out"
	}
	return fmt.Sprintf("direction(%d)", uint8(d))
}

// Ref is a range of a buffer as an argument of a call: length bytes from offset. It is checked when the call is made.
type Ref struct {
	Buffer *Buffer
	Offset int64
	Length int64
	Dir    Direction
}

// In is the whole buffer for the remote to read.
func (b *Buffer) In() Ref { return b.Range(0, b.Size(), In) }

// Out is the whole buffer for the remote to write.
func (b *Buffer) Out() Ref { return b.Range(0, b.Size(), Out) }

// InOut is the whole buffer for the remote to read and write.
func (b *Buffer) InOut() Ref { return b.Range(0, b.Size(), InOut) }

// Range is length bytes of the buffer from offset.
func (b *Buffer) Range(offset, length int64, d Direction) Ref {
	return Ref{Buffer: b, Offset: offset, Length: length, Dir: d}
}
