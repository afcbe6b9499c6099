// A module with weights outside, for what `eerie inspect` tells of them.
util.global private @weight = #flow.parameter.named<"model"::"layer.weight"> : tensor<4xf32>
util.global private @bias = #flow.parameter.named<"model"::"layer.bias"> : tensor<4xf32>
util.global private @table = #flow.parameter.named<"a \22b\22 \0A"> : tensor<1000xf32>
func.func @layer(%a: tensor<4xf32>) -> tensor<4xf32> {
  %weight = util.global.load @weight : tensor<4xf32>
  %bias = util.global.load @bias : tensor<4xf32>
  %0 = arith.mulf %a, %weight : tensor<4xf32>
  %1 = arith.addf %0, %bias : tensor<4xf32>
  return %1 : tensor<4xf32>
}
func.func @all() -> tensor<1000xf32> {
  %0 = util.global.load @table : tensor<1000xf32>
  return %0 : tensor<1000xf32>
}
