//! One version of a proxy's toxics as its links see it, and word of when no link works with it any more; knows no links.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::toxic::{Direction, Toxic};

/// The toxics that links have to work with until the next version.
pub struct Published {
    toxics: Vec<Arc<Toxic>>,
    /// Dropped with the version, which tells [`InUse`].
    _in_use: mpsc::Sender<Infallible>,
}

/// Whether any link still works with a version.
pub struct InUse(mpsc::Receiver<Infallible>);

impl Published {
    pub fn new(toxics: Vec<Arc<Toxic>>) -> (Self, InUse) {
        let (in_use, closed) = mpsc::channel(1);
        (Self { toxics, _in_use: in_use }, InUse(closed))
    }

    /// The toxics of one direction, in the order data meets them.
    pub fn in_direction(&self, direction: Direction) -> impl Iterator<Item = &Arc<Toxic>> {
        self.toxics.iter().filter(move |toxic| toxic.direction == direction)
    }
}

impl InUse {
    /// Completes once every holder of the version has let go of it.
    pub async fn is_over(&mut self) {
        let _closed: Option<Infallible> = self.0.recv().await;
    }
}
