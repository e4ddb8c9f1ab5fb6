//! Answers as CBOR by serde. Knows what answers hold: no tuples, no enums with content.

use std::fmt;

use serde::ser::{
    Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer,
};

use super::CborWriter;
use crate::encoding::TIMESTAMP_NAME;

/// Not human-readable; a [`Timestamp`](crate::encoding::Timestamp) becomes tag 1 with milliseconds.
pub(crate) struct CborSerializer<'out> {
    pub(crate) writer: &'out mut CborWriter,
}

/// A shape holds what no answer may.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotAnAnswer(String);

impl serde::ser::Error for NotAnAnswer {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self(text.to_string())
    }
}

type Done = Result<(), NotAnAnswer>;

fn unsupported<T>(what: &str) -> Result<T, NotAnAnswer> {
    Err(NotAnAnswer(format!("answers hold no {what}")))
}

impl<'out> Serializer for CborSerializer<'out> {
    type Ok = ();
    type Error = NotAnAnswer;
    type SerializeSeq = Members<'out>;
    type SerializeMap = Members<'out>;
    type SerializeStruct = Members<'out>;
    type SerializeTuple = Impossible<(), NotAnAnswer>;
    type SerializeTupleStruct = Impossible<(), NotAnAnswer>;
    type SerializeTupleVariant = Impossible<(), NotAnAnswer>;
    type SerializeStructVariant = Impossible<(), NotAnAnswer>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, truth: bool) -> Done {
        self.writer.bool(truth);
        Ok(())
    }

    fn serialize_i8(self, number: i8) -> Done {
        self.serialize_i64(number.into())
    }

    fn serialize_i16(self, number: i16) -> Done {
        self.serialize_i64(number.into())
    }

    fn serialize_i32(self, number: i32) -> Done {
        self.serialize_i64(number.into())
    }

    fn serialize_i64(self, number: i64) -> Done {
        self.writer.signed(number);
        Ok(())
    }

    fn serialize_u8(self, number: u8) -> Done {
        self.serialize_u64(number.into())
    }

    fn serialize_u16(self, number: u16) -> Done {
        self.serialize_u64(number.into())
    }

    fn serialize_u32(self, number: u32) -> Done {
        self.serialize_u64(number.into())
    }

    fn serialize_u64(self, number: u64) -> Done {
        self.writer.unsigned(number);
        Ok(())
    }

    fn serialize_f32(self, number: f32) -> Done {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Done {
        self.writer.float(number);
        Ok(())
    }

    fn serialize_char(self, char: char) -> Done {
        self.serialize_str(char.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Done {
        self.writer.text(text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Done {
        self.writer.bytes(bytes);
        Ok(())
    }

    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        self.writer.null();
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Done {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Done {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Done {
        if name == TIMESTAMP_NAME {
            self.writer.timestamp_tag();
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Done {
        unsupported("enums with content")
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Members<'out>, NotAnAnswer> {
        self.writer.begin_list();
        Ok(Members {
            writer: self.writer,
        })
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Members<'out>, NotAnAnswer> {
        self.writer.begin_map();
        Ok(Members {
            writer: self.writer,
        })
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Members<'out>, NotAnAnswer> {
        self.serialize_map(Some(length))
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self::SerializeTuple, NotAnAnswer> {
        unsupported("tuples")
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleStruct, NotAnAnswer> {
        unsupported("tuples")
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant, NotAnAnswer> {
        unsupported("enums with content")
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStructVariant, NotAnAnswer> {
        unsupported("enums with content")
    }
}

/// An open list or map.
pub(crate) struct Members<'out> {
    writer: &'out mut CborWriter,
}

impl Members<'_> {
    fn one<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(CborSerializer {
            writer: self.writer,
        })
    }

    fn finish(self) -> Done {
        self.writer.end();
        Ok(())
    }
}

impl SerializeSeq for Members<'_> {
    type Ok = ();
    type Error = NotAnAnswer;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.one(value)
    }

    fn end(self) -> Done {
        self.finish()
    }
}

impl SerializeMap for Members<'_> {
    type Ok = ();
    type Error = NotAnAnswer;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        let start = self.writer.out.len();
        self.one(key)?;
        let first = self.writer.out.get(start).copied();
        if first.is_some_and(|first| first >> 5 == super::major::TEXT) {
            Ok(())
        } else {
            Err(NotAnAnswer::custom("keys are text"))
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.one(value)
    }

    fn end(self) -> Done {
        self.finish()
    }
}

impl SerializeStruct for Members<'_> {
    type Ok = ();
    type Error = NotAnAnswer;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        self.writer.text(name);
        self.one(value)
    }

    fn end(self) -> Done {
        self.finish()
    }
}
