// SPDX-License-Identifier: Apache-2.0

// Package gen makes both sides of a remote interface from one description: a Go client over package runtime, and a C header
// with the dispatch for the firmware kit. Text in, text out; it reads and writes no files. The command is offload gen.
//
// A description is a Go file. Every interface type in it becomes a client; its methods are those of the firmware:
//
//	// Filter is what the DSP does.
//	type Filter interface {
//		// Gain multiplies each byte of in by factor; the result is the number of bytes.
//		//
//		//offload:out out
//		//offload:in in
//		Gain(ctx context.Context, out, in runtime.Ref, factor uint8) (uint64, error)
//	}
//
// A method takes a context.Context first and returns an error last, and at most one result before it. Its name on the wire is
// its Go name in snake case, or what "//offload:method NAME" says. Parameters are
//
//	bool, int8 to int64, int, uint8 to uint64, uint, byte, float32, float64, string
//	[]byte        bytes; the function does not see whether they came in the message or in a buffer
//	runtime.Ref   a range of a buffer, with one of //offload:in, //offload:out and //offload:inout followed by the names of
//	              parameters
//
// and results are of the same types without runtime.Ref. Whatever else is there is an error with file, line and column; Parse
// reports all of them at once.
//
// A leading comment with an SPDX-License-Identifier is copied to everything that is generated.
//
// # Lifetime and concurrency
//
// Values are plain data and do not change once made.
//
// # Kernel requirements
//
// None.
package gen
