// FLAGS: --compile-mode=vm
// Asynchronous functions that use their caller's fences against the rules: operations that would
// wait for each other for ever, fences that nobody will signal. The fences come behind no arguments:
// one to wait for, one to signal.
vm.module @knots {
  vm.import private @hal.devices.get(%index : i32) -> !vm.ref<!hal.device>
  vm.import private @hal.fence.create(%device : !vm.ref<!hal.device>, %flags : i64) -> !vm.ref<!hal.fence>
  vm.import private @hal.device.queue.barrier(%device : !vm.ref<!hal.device>, %queue_affinity : i64, %wait_fence : !vm.ref<!hal.fence>, %signal_fence : !vm.ref<!hal.fence>, %flags : i64)
  vm.global.ref private mutable @kept : !vm.ref<!hal.fence>

  vm.func private @submit(%wait : !vm.ref<!hal.fence>, %signal : !vm.ref<!hal.fence>) {
    %zero = vm.const.i32 0
    %none = vm.const.i64 0
    %device = vm.call @hal.devices.get(%zero) : (i32) -> !vm.ref<!hal.device>
    vm.call @hal.device.queue.barrier(%device, %none, %wait, %signal, %none) : (!vm.ref<!hal.device>, i64, !vm.ref<!hal.fence>, !vm.ref<!hal.fence>, i64) -> ()
    vm.return
  }
  vm.func private @new_fence() -> !vm.ref<!hal.fence> {
    %zero = vm.const.i32 0
    %none = vm.const.i64 0
    %device = vm.call @hal.devices.get(%zero) : (i32) -> !vm.ref<!hal.device>
    %fence = vm.call @hal.fence.create(%device, %none) : (!vm.ref<!hal.device>, i64) -> !vm.ref<!hal.fence>
    vm.return %fence : !vm.ref<!hal.fence>
  }

  // As it should be; and keeps the fence for later.
  vm.export @fine
  vm.func @fine(%wait : !vm.ref<!hal.fence>, %signal : !vm.ref<!hal.fence>) attributes {iree.reflection = {iree.abi.model = "coarse-fences"}} {
    vm.global.store.ref %signal, @kept : !vm.ref<!hal.fence>
    vm.call @submit(%wait, %signal) : (!vm.ref<!hal.fence>, !vm.ref<!hal.fence>) -> ()
    vm.return
  }
  // Waits for the fence that it must signal.
  vm.export @knot
  vm.func @knot(%wait : !vm.ref<!hal.fence>, %signal : !vm.ref<!hal.fence>) attributes {iree.reflection = {iree.abi.model = "coarse-fences"}} {
    %fence = vm.call @new_fence() : () -> !vm.ref<!hal.fence>
    vm.call @submit(%signal, %fence) : (!vm.ref<!hal.fence>, !vm.ref<!hal.fence>) -> ()
    vm.call @submit(%fence, %signal) : (!vm.ref<!hal.fence>, !vm.ref<!hal.fence>) -> ()
    vm.return
  }
  // The same with a fence that an earlier call was to signal.
  vm.export @knot_kept
  vm.func @knot_kept(%wait : !vm.ref<!hal.fence>, %signal : !vm.ref<!hal.fence>) attributes {iree.reflection = {iree.abi.model = "coarse-fences"}} {
    %kept = vm.global.load.ref @kept : !vm.ref<!hal.fence>
    vm.call @submit(%wait, %signal) : (!vm.ref<!hal.fence>, !vm.ref<!hal.fence>) -> ()
    vm.call @submit(%signal, %kept) : (!vm.ref<!hal.fence>, !vm.ref<!hal.fence>) -> ()
    vm.return
  }
  // Gives the fence to two operations.
  vm.export @twice
  vm.func @twice(%wait : !vm.ref<!hal.fence>, %signal : !vm.ref<!hal.fence>) attributes {iree.reflection = {iree.abi.model = "coarse-fences"}} {
    vm.call @submit(%wait, %signal) : (!vm.ref<!hal.fence>, !vm.ref<!hal.fence>) -> ()
    vm.call @submit(%wait, %signal) : (!vm.ref<!hal.fence>, !vm.ref<!hal.fence>) -> ()
    vm.return
  }
  // Keeps the fence and does nothing.
  vm.export @forget
  vm.func @forget(%wait : !vm.ref<!hal.fence>, %signal : !vm.ref<!hal.fence>) attributes {iree.reflection = {iree.abi.model = "coarse-fences"}} {
    vm.global.store.ref %signal, @kept : !vm.ref<!hal.fence>
    vm.return
  }
}
