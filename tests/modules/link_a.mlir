// The module that others link against.

module @link_a {
  util.global private mutable @counter = 0 : i32

  func.func @scale(%x: i32, %by: i32) -> i32 {
    %r = arith.muli %x, %by : i32
    return %r : i32
  }
  func.func @calls() -> i32 {
    %c1 = arith.constant 1 : i32
    %n = util.global.load @counter : i32
    %m = arith.addi %n, %c1 : i32
    util.global.store %m, @counter : i32
    return %m : i32
  }
  util.func public @bytes() -> !util.buffer {
    %b = util.buffer.constant "bytes" : !util.buffer = dense<[1, 2, 3, 250]> : tensor<4xi8>
    util.return %b : !util.buffer
  }
  func.func @add_tensors(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
    %r = arith.addf %x, %y : tensor<4xf32>
    return %r : tensor<4xf32>
  }
  // A list of the numbers below n, and what is in one.
  util.func public @numbers(%n: index) -> !util.list<?> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %list = util.list.create : !util.list<?>
    util.list.resize %list, %n : !util.list<?>
    scf.for %i = %c0 to %n step %c1 {
      %v = arith.index_cast %i : index to i32
      util.list.set %list[%i], %v : i32 -> !util.list<?>
    }
    util.return %list : !util.list<?>
  }
  util.func public @sum(%list: !util.list<?>) -> i32 {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %zero = arith.constant 0 : i32
    %n = util.list.size %list : !util.list<?>
    %sum = scf.for %i = %c0 to %n step %c1 iter_args(%s = %zero) -> i32 {
      %v = util.list.get %list[%i] : !util.list<?> -> i32
      %t = arith.addi %s, %v : i32
      scf.yield %t : i32
    }
    util.return %sum : i32
  }
  util.func public @mul_fenced(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32>
      attributes {iree.abi.model = "coarse-fences"} {
    %r = arith.mulf %x, %y : tensor<4xf32>
    util.return %r : tensor<4xf32>
  }
}
