// What IREE's tests of suspended calls import: yield_n(value, count) yields `count` times and returns
// value + count.
vm.module @yieldable_test {
  vm.export @yield_n
  vm.func @yield_n(%value: i32, %count: i32) -> i32 {
    %one = vm.const.i32 1
    vm.br ^again(%value, %count : i32, i32)
  ^again(%sum: i32, %left: i32):
    %more = vm.cmp.nz.i32 %left : i32
    %next = vm.add.i32 %sum, %one : i32
    %fewer = vm.sub.i32 %left, %one : i32
    vm.cond_br %more, ^pause(%next, %fewer : i32, i32), ^done
  ^pause(%a: i32, %b: i32):
    vm.yield ^again(%a, %b : i32, i32)
  ^done:
    vm.return %sum : i32
  }
}
