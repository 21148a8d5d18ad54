//! The second engine (to be written).
