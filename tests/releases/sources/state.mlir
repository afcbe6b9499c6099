// Globals that calls change, of tensors and of numbers.
util.global private mutable @calls = dense<0> : tensor<2xi32>
util.global private mutable @total = 0 : i64

func.func @count(%step: tensor<2xi32>) -> tensor<2xi32> {
  %0 = util.global.load @calls : tensor<2xi32>
  %1 = arith.addi %0, %step : tensor<2xi32>
  util.global.store %1, @calls : tensor<2xi32>
  return %1 : tensor<2xi32>
}

func.func @add(%n: i64) -> i64 {
  %0 = util.global.load @total : i64
  %1 = arith.addi %0, %n : i64
  util.global.store %1, @total : i64
  return %1 : i64
}
