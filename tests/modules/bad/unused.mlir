// Arguments that no instruction names: a descriptor need not count their registers.
vm.module @unused {
  vm.export @unused
  vm.func @unused(%a: i32, %b: i64, %r: !vm.buffer) {
    vm.return
  }
}
