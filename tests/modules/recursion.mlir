// Functions that call themselves, in the VM's own dialect: the passes above it do not come to an end
// on recursion.
// FLAGS: --compile-from=vm

vm.module @recursion {
  vm.export @fibonacci
  vm.func @fibonacci(%n: i32) -> i32 attributes {inlining_policy = #util.inline.never} {
    %c1 = vm.const.i32 1
    %c2 = vm.const.i32 2
    %small = vm.cmp.lt.i32.s %n, %c2 : i32
    vm.cond_br %small, ^base, ^recurse
  ^base:
    vm.return %n : i32
  ^recurse:
    %n1 = vm.sub.i32 %n, %c1 : i32
    %n2 = vm.sub.i32 %n, %c2 : i32
    %a = vm.call @fibonacci(%n1) : (i32) -> i32
    %b = vm.call @fibonacci(%n2) : (i32) -> i32
    %r = vm.add.i32 %a, %b : i32
    vm.return %r : i32
  }

  vm.export @deep
  vm.func @deep(%n: i32) -> i32 attributes {inlining_policy = #util.inline.never} {
    %c1 = vm.const.i32 1
    %go = vm.cmp.nz.i32 %n : i32
    vm.cond_br %go, ^recurse, ^base
  ^base:
    vm.return %n : i32
  ^recurse:
    %m = vm.sub.i32 %n, %c1 : i32
    %a = vm.call @deep(%m) : (i32) -> i32
    %r = vm.add.i32 %a, %c1 : i32
    vm.return %r : i32
  }

  vm.export @even
  vm.func @even(%n: i32) -> i32 attributes {inlining_policy = #util.inline.never} {
    %c1 = vm.const.i32 1
    %go = vm.cmp.nz.i32 %n : i32
    vm.cond_br %go, ^recurse, ^base
  ^base:
    vm.return %c1 : i32
  ^recurse:
    %m = vm.sub.i32 %n, %c1 : i32
    %a = vm.call @odd(%m) : (i32) -> i32
    vm.return %a : i32
  }
  vm.func private @odd(%n: i32) -> i32 attributes {inlining_policy = #util.inline.never} {
    %c0 = vm.const.i32 0
    %c1 = vm.const.i32 1
    %go = vm.cmp.nz.i32 %n : i32
    vm.cond_br %go, ^recurse, ^base
  ^base:
    vm.return %c0 : i32
  ^recurse:
    %m = vm.sub.i32 %n, %c1 : i32
    %a = vm.call @even(%m) : (i32) -> i32
    vm.return %a : i32
  }
}
