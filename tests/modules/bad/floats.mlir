// The f32 and f64 instruction sets, for make_bad.py to damage.
vm.module @floats {
  vm.global.f32 private mutable @single = 1.0 : f32
  vm.global.f64 private mutable @double = 2.0 : f64

  vm.export @singles
  vm.func @singles(%a: f32, %b: f32, %c: i32) -> (f32, i32, f32) {
    %0 = vm.global.load.f32 @single : f32
    %1 = vm.const.f32 1.5
    %2 = vm.add.f32 %a, %0 : f32
    %3 = vm.fma.f32 %2, %1, %b : f32
    %4 = vm.cmp.lt.f32.o %3, %a : f32
    %5 = vm.select.f32 %c, %3, %b : f32
    %6 = vm.cast.f32.si32 %5 : f32 -> i32
    %7 = vm.add.i32 %4, %6 : i32
    %8 = vm.switch.f32 %c[%a, %b] else %5 : f32
    vm.global.store.f32 %5, @single : f32
    vm.return %5, %7, %8 : f32, i32, f32
  }

  vm.export @doubles
  vm.func @doubles(%a: f64, %b: f64, %c: i32) -> (f64, f32, f64) {
    %0 = vm.global.load.f64 @double : f64
    %1 = vm.const.f64 2.5
    %2 = vm.mul.f64 %a, %0 : f64
    %3 = vm.fma.f64 %2, %1, %b : f64
    %4 = vm.select.f64 %c, %3, %b : f64
    %5 = vm.trunc.f64.f32 %4 : f64 -> f32
    %6 = vm.switch.f64 %c[%a, %b] else %4 : f64
    vm.global.store.f64 %4, @double : f64
    vm.return %4, %5, %6 : f64, f32, f64
  }
}
