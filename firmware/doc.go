// SPDX-License-Identifier: Apache-2.0

// Package firmware is what runs on a processor and how it is started: firmware images, the remoteproc life cycle, trace
// and core dumps.
//
// # Images
//
// [Parse] reads an ELF file, [Image.ResourceTable] its resource table, and [Check] says what the kernel or the processor
// would stumble over. The kernel's loader believes most of what a file says; a lying one can crash Linux. [Builder]
// makes files. [Store] puts them where the kernel finds them, without ever changing the file that a processor runs.
//
// # Life cycle
//
// A [Processor] starts, stops and watches one remoteproc over its [Attributes]: the sysfs directory that [Find] returns,
// or those of a simulated board. It knows that a second start only raises a power count, that a stop may find a crashed,
// stuck or shared processor, and that some drivers never report a crash. Errors are [*OpError]: errors.Is finds the
// kernel's errno and the sentinels of this package.
//
// # Trace and core dumps
//
// [TraceReader] follows the text that firmware writes to its trace buffer. [FindCoredump] gives the memory of a crashed
// processor.
//
// # Lifetime
//
// Nothing here holds a file open between calls. A Processor has no Close: it keeps no kernel resource, and dropping it
// does not stop the remoteproc. A call whose context ends leaves a goroutine in the kernel until the driver answers;
// [Processor.Settle] waits for it.
//
// # Concurrency
//
// Images and tables are plain data. A Processor may be used from several goroutines and does one operation at a time. A
// TraceReader belongs to one goroutine.
//
// # Kernel requirements
//
// CONFIG_REMOTEPROC; the attributes recovery and coredump since Linux 5.10, detach since 5.13. Writing needs root or
// permission on the attributes, trace needs debugfs, core dumps need CONFIG_DEV_COREDUMP.
package firmware
