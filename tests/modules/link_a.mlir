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
}
