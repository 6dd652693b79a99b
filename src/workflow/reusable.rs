//! What a call asks of the called workflow (SPEC 11).
