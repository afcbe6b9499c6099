// Loops whose turns are counted from 0 below the first argument, for vm_loops_test.c. The second
// names the turn in which something happens.
vm.module @turns {
  vm.export @count
  vm.func @count(%n: i64, %other: i64) -> i64 {
    %zero = vm.const.i64 0
    %one = vm.const.i64 1
    vm.br ^head(%zero : i64)
  ^head(%i: i64):
    %go = vm.cmp.lt.i64.s %i, %n : i64
    vm.cond_br %go, ^body, ^out
  ^body:
    %next = vm.add.i64 %i, %one : i64
    vm.br ^head(%next : i64)
  ^out:
    vm.return %i : i64
  }
  // The new x is there before the old one was last read.
  vm.export @lags
  vm.func @lags(%n: i64, %other: i64) -> i64 {
    %zero = vm.const.i64 0
    %one = vm.const.i64 1
    %three = vm.const.i64 3
    vm.br ^head(%zero, %other, %one : i64, i64, i64)
  ^head(%i: i64, %x: i64, %y: i64):
    %go = vm.cmp.lt.i64.s %i, %n : i64
    vm.cond_br %go, ^body, ^out
  ^body:
    %sum = vm.add.i64 %x, %y : i64
    %triple = vm.mul.i64 %x, %three : i64
    %next = vm.add.i64 %i, %one : i64
    vm.br ^head(%next, %sum, %triple : i64, i64, i64)
  ^out:
    %both = vm.xor.i64 %x, %y : i64
    vm.return %both : i64
  }
  vm.export @divides
  vm.func @divides(%n: i64, %other: i64) -> i64 {
    %zero = vm.const.i64 0
    %one = vm.const.i64 1
    vm.br ^head(%zero, %n : i64, i64)
  ^head(%i: i64, %last: i64):
    %go = vm.cmp.lt.i64.s %i, %n : i64
    vm.cond_br %go, ^body, ^out
  ^body:
    %divisor = vm.sub.i64 %i, %other : i64
    %quotient = vm.div.i64.s %n, %divisor : i64
    %next = vm.add.i64 %i, %one : i64
    vm.br ^head(%next, %quotient : i64, i64)
  ^out:
    vm.return %last : i64
  }
  vm.export @loads
  vm.func @loads(%n: i64, %other: i64) -> i64 {
    %zero = vm.const.i64 0
    %one = vm.const.i64 1
    %size = vm.const.i64 16
    %alignment = vm.const.i32 16
    %buffer = vm.buffer.alloc %size, %alignment : !vm.buffer
    vm.br ^head(%zero, %zero : i64, i64)
  ^head(%i: i64, %sum: i64):
    %go = vm.cmp.lt.i64.s %i, %n : i64
    vm.cond_br %go, ^body, ^out
  ^body:
    %here = vm.cmp.eq.i64 %i, %other : i64
    %index = vm.select.i64 %here, %n, %one : i64
    %value = vm.buffer.load.i64 %buffer[%index] : !vm.buffer -> i64
    %more = vm.add.i64 %sum, %value : i64
    %next = vm.add.i64 %i, %one : i64
    vm.br ^head(%next, %more : i64, i64)
  ^out:
    vm.return %sum : i64
  }
  vm.export @stores
  vm.func @stores(%n: i64, %other: i64) -> i64 {
    %zero = vm.const.i64 0
    %one = vm.const.i64 1
    %size = vm.const.i64 16
    %alignment = vm.const.i32 16
    %buffer = vm.buffer.alloc %size, %alignment : !vm.buffer
    vm.br ^head(%zero : i64)
  ^head(%i: i64):
    %go = vm.cmp.lt.i64.s %i, %n : i64
    vm.cond_br %go, ^body, ^out
  ^body:
    %here = vm.cmp.eq.i64 %i, %other : i64
    %index = vm.select.i64 %here, %n, %one : i64
    vm.buffer.store.i64 %i, %buffer[%index] : i64 -> !vm.buffer
    %next = vm.add.i64 %i, %one : i64
    vm.br ^head(%next : i64)
  ^out:
    %value = vm.buffer.load.i64 %buffer[%one] : !vm.buffer -> i64
    vm.return %value : i64
  }
  vm.export @refuses
  vm.func @refuses(%n: i64, %other: i64) -> i64 {
    %zero = vm.const.i64 0
    %one = vm.const.i64 1
    %code = vm.const.i32 9
    vm.br ^head(%zero : i64)
  ^head(%i: i64):
    %go = vm.cmp.lt.i64.s %i, %n : i64
    vm.cond_br %go, ^body, ^out
  ^body:
    %here = vm.cmp.eq.i64 %i, %other : i64
    vm.cond_br %here, ^fail, ^on
  ^fail:
    vm.fail %code, "refused"
  ^on:
    %next = vm.add.i64 %i, %one : i64
    vm.br ^head(%next : i64)
  ^out:
    vm.return %i : i64
  }
  vm.func private @product(%a: i64, %b: i64) -> i64 attributes {inlining_policy = #util.inline.never} {
    %product = vm.mul.i64 %a, %b : i64
    vm.return %product : i64
  }
  vm.export @calls
  vm.func @calls(%n: i64, %other: i64) -> i64 {
    %zero = vm.const.i64 0
    %one = vm.const.i64 1
    vm.br ^head(%zero, %zero : i64, i64)
  ^head(%i: i64, %sum: i64):
    %go = vm.cmp.lt.i64.s %i, %n : i64
    vm.cond_br %go, ^body, ^out
  ^body:
    %product = vm.call @product(%i, %other) : (i64, i64) -> i64
    %more = vm.add.i64 %sum, %product : i64
    %next = vm.add.i64 %i, %one : i64
    vm.br ^head(%next, %more : i64, i64)
  ^out:
    vm.return %sum : i64
  }
  // Two buffers change places in every turn: 1 and the second argument are in them.
  vm.export @swaps
  vm.func @swaps(%n: i64, %other: i64) -> i64 {
    %zero = vm.const.i64 0
    %one = vm.const.i64 1
    %size = vm.const.i64 8
    %alignment = vm.const.i32 16
    %first = vm.buffer.alloc %size, %alignment : !vm.buffer
    %second = vm.buffer.alloc %size, %alignment : !vm.buffer
    vm.buffer.store.i64 %one, %first[%zero] : i64 -> !vm.buffer
    vm.buffer.store.i64 %other, %second[%zero] : i64 -> !vm.buffer
    vm.br ^head(%zero, %first, %second : i64, !vm.buffer, !vm.buffer)
  ^head(%i: i64, %x: !vm.buffer, %y: !vm.buffer):
    %go = vm.cmp.lt.i64.s %i, %n : i64
    vm.cond_br %go, ^body, ^out
  ^body:
    %next = vm.add.i64 %i, %one : i64
    vm.br ^head(%next, %y, %x : i64, !vm.buffer, !vm.buffer)
  ^out:
    %value = vm.buffer.load.i64 %x[%zero] : !vm.buffer -> i64
    vm.return %value : i64
  }
}
