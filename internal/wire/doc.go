// SPDX-License-Identifier: Apache-2.0

// Package wire is the message format of docs/protocol.md: MessagePack-RPC with one extension type for buffers.
//
// Encoding appends to a byte slice ([AppendRequest] and its siblings). Decoding is in two steps: [Parse] checks a whole
// message, whatever is in it, before anything is read from it; [Values] then walks over checked values. Neither step
// allocates, follows a length that it has not compared with what is there, or recurses deeper than [MaxDepth].
//
// Values that are not scalars, strings, bytes or buffers go through github.com/vmihailenco/msgpack/v5, which sees only
// bytes that Parse has accepted.
package wire
