//! What the table of event kinds becomes: the enum, its bytes, its columns, its fields as values.

macro_rules! events {
    ($($number:literal $variant:ident $name:literal $doc:literal
       { $($field:ident: $type:ty, $field_doc:literal;)* })*) => {
        /// What happened.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Kind {
            $(#[doc = $doc] $variant { $(#[doc = $field_doc] $field: $type,)* },)*
        }

        impl Kind {
            /// The whole table, by number.
            pub const TABLE: &'static [KindInfo] = &[$(KindInfo {
                number: $number,
                name: $name,
                doc: $doc,
                fields: &[$(FieldInfo {
                    name: stringify!($field),
                    shape: <$type as Field>::SHAPE,
                    words: <$type as Field>::WORDS,
                    doc: $field_doc,
                },)*],
            },)*];

            /// Its number in the table.
            pub fn number(&self) -> u8 {
                match self { $(Self::$variant { .. } => $number,)* }
            }

            /// Its name in the table.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $name,)* }
            }

            /// Appends the bytes of its fields as a run file has them.
            pub fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant { $($field,)* } => { $($field.encode(out);)* })*
                }
            }

            /// Appends the words of its fields as a fingerprint is taken over them.
            pub fn digest(&self, out: &mut Vec<u64>) {
                match self {
                    $(Self::$variant { $($field,)* } => { $($field.digest(out);)* })*
                }
            }

            /// Gives each field to a column of its own, the i-th to the i-th.
            pub fn give_columns(&self, sink: &mut impl ColumnSink) {
                match self {
                    $(Self::$variant { $($field,)* } => {
                        let mut places = 0..;
                        let mut next = move || places.next().expect("an open range has no end");
                        $(sink.column(next(), $field);)*
                        let _ = (&mut next, sink);
                    })*
                }
            }

            /// Reads the fields of the kind with `number`: the i-th from `column(i)`.
            pub fn decode_columns<'a, 'b: 'a>(
                number: u8,
                mut column: impl FnMut(usize) -> Option<&'a mut Reader<'b>>,
            ) -> Option<Self> {
                match number {
                    $($number => {
                        let mut places = 0..;
                        let mut next = move || places.next().expect("an open range has no end");
                        let kind = Self::$variant {
                            $($field: <$type>::decode(column(next())?)?,)*
                        };
                        let _ = (&mut next, &mut column);
                        Some(kind)
                    })*
                    _ => None,
                }
            }

            /// Reads the fields of the kind with `number`, one after the other.
            pub fn decode(number: u8, input: &mut Reader<'_>) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant { $($field: <$type>::decode(input)?,)* }),)*
                    _ => None,
                }
            }

            /// Its fields by name, in order.
            pub fn values(&self) -> Vec<(&'static str, Value)> {
                match self {
                    $(Self::$variant { $($field,)* } =>
                        vec![$((stringify!($field), $field.value()),)*],)*
                }
            }
        }
    };
}

pub(crate) use events;
