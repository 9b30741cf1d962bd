//! placeholder
pub trait Workload: Sync {
    fn name(&self) -> &'static str;
    fn summary(&self) -> &'static str;
}
struct W(&'static str);
impl Workload for W {
    fn name(&self) -> &'static str {
        self.0
    }
    fn summary(&self) -> &'static str {
        self.0
    }
}
pub const WORKLOADS: &[&dyn Workload] = &[&W("hot_seat"), &W("checkout"), &W("retry_storm")];
