// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/internal/sys"
)

// roleVar makes the test binary a child that allocates, attaches and does not clean up.
const roleVar = "OFFLOAD_KMOD_TEST_ROLE"

// child is what the other process does; the role is the list of what it must leave behind.
func child(role string) int {
	if err := litter(role); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	if role == "exit" {
		return 0
	}
	// Until it is killed.
	bufio.NewReader(os.Stdin).ReadByte()
	return 2
}

func litter(role string) error {
	heap, err := sys.Open("/dev/dma_heap/msmc", os.O_RDONLY)
	if err != nil {
		return err
	}
	for range 4 {
		buf, err := allocFrom(heap, 256*kib)
		if err != nil {
			return err
		}
		fd, err := buf.Int()
		if err != nil {
			return err
		}
		b, err := syscall.Mmap(fd, 0, 256*kib, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
		if err != nil {
			return err
		}
		filled(b, 1)
		if role == "exit" {
			// Half of a mapping is left as well.
			if _, _, e := syscall.Syscall(syscall.SYS_MUNMAP, sys.Address(b), 128*kib, 0); e != 0 {
				return e
			}
		}
		for _, path := range os.Args[1:] {
			node, err := sys.Open(path, os.O_RDONLY)
			if err != nil {
				return err
			}
			if _, err := attach(node, buf); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	return nil
}

// TI's dma-heap-tests Exit.*, with attachments; and the same for a process that is killed.
func TestProcessEnds(t *testing.T) {
	before, paths := buffers(t), nodes(t)
	all := carveouts(t)
	free := make([]int64, len(all))
	for i, heap := range all {
		free[i] = heap.free(t)
	}
	for _, role := range []string{"exit", "kill"} {
		t.Run(role, func(t *testing.T) {
			for range 16 {
				spawn(t, role, before, paths)
				if n := buffers(t); n != before {
					t.Fatalf("%d buffers after the process, %d before", n, before)
				}
			}
			for i, heap := range all {
				if now := heap.free(t); now != free[i] {
					t.Errorf("%s: %d bytes free after, %d before", heap.name, now, free[i])
				}
			}
		})
	}
}

func spawn(t *testing.T, role string, before int, paths []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, paths...)
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "ready\n" {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("the child says %q, %v", line, err)
	}
	if role == "exit" {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if n := buffers(t); n != before+4 {
		t.Errorf("%d buffers with the child, want %d", n, before+4)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // killed: there is nothing else to learn
}
