// SPDX-License-Identifier: MIT
// Goroutines that are preempted by signals, faults that become panics, memory that comes and goes, and calls into C (c.go).
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
)

func spin(n int) int {
	sum := 0
	for i := 0; i < n; i++ {
		sum += i & 3
	}
	return sum
}

func fault() (said string) {
	defer func() { said = fmt.Sprint(recover()) }()
	var nothing *int
	return fmt.Sprint(*nothing)
}

func maps() int {
	ok := 0
	for i := 0; i < 100; i++ {
		block, err := syscall.Mmap(-1, 0, 8192, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
		if err == nil && syscall.Mprotect(block, syscall.PROT_READ) == nil && syscall.Munmap(block) == nil {
			ok++
		}
	}
	return ok
}

func main() {
	var wait sync.WaitGroup
	total := make([]int, 64)

	for i := range total {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			blocks := [][]byte{}
			for k := 0; k < 50; k++ {
				blocks = append(blocks, make([]byte, 1<<(k%18)))
			}
			total[i] = spin(20000000/64) + len(blocks) + called(i)
		}(i)
	}
	wait.Wait()
	runtime.GC()
	debug.FreeOSMemory()
	sum := 0
	for _, each := range total {
		sum += each
	}
	out, err := exec.Command("/bin/echo", "child").Output()
	fmt.Println(sum, fault(), maps(), string(out), err)
	os.Exit(3)
}
