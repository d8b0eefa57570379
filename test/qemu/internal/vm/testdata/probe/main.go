// SPDX-License-Identifier: Apache-2.0

// Command probe is the program of the runner's own tests: it ends in every way a program can.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

func main() {
	switch os.Args[1] {
	case "exit":
		code, err := strconv.Atoi(os.Args[2])
		if err != nil {
			panic(err)
		}
		os.Exit(code)
	case "print":
		n, err := strconv.Atoi(os.Args[2])
		if err != nil {
			panic(err)
		}
		os.Stdout.Write(bytes.Repeat([]byte("0123456789abcde\n"), n/16))
	case "where":
		dir, err := os.Getwd()
		fmt.Println(os.Getuid(), os.Getgid(), dir, err, os.Getenv("OFFLOAD_PROBE"))
	case "kill":
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			panic(err)
		}
		select {}
	case "hang":
		fmt.Println("hanging")
		for {
			syscall.Pause()
		}
	case "panic":
		fmt.Println("crashing the kernel")
		if err := os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0); err != nil {
			panic(err)
		}
		select {}
	case "out":
		if err := os.WriteFile("/out/result", []byte("from the guest"), 0o644); err != nil {
			panic(err)
		}
	}
}
