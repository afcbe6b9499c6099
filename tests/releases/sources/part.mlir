// What `whole` imports: functions of tensors, one that does not wait, scalars, a state.
module @part {
  util.global private mutable @calls = 0 : i32

  func.func @scale(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
    %0 = arith.mulf %x, %y : tensor<4xf32>
    return %0 : tensor<4xf32>
  }
  util.func public @later(%x: tensor<?xf32>) -> tensor<?xf32>
      attributes {iree.abi.model = "coarse-fences"} {
    %0 = arith.addf %x, %x : tensor<?xf32>
    util.return %0 : tensor<?xf32>
  }
  func.func @next(%by: i32) -> i32 {
    %0 = util.global.load @calls : i32
    %1 = arith.addi %0, %by : i32
    util.global.store %1, @calls : i32
    return %1 : i32
  }
}
