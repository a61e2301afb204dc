//! What an attribute says to who used it wrongly, and where: [`Mistake`].

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

pub(crate) struct Mistake {
    place: Span,
    message: &'static str,
}

impl Mistake {
    pub(crate) fn at(place: Span, message: &'static str) -> Self {
        Self { place, message }
    }

    /// `::core::compile_error! { "message" }`, which the compiler shows at the place of the mistake.
    pub(crate) fn explain(self) -> TokenStream {
        let message = TokenTree::from(Literal::string(self.message));
        let colon = |spacing| TokenTree::from(Punct::new(':', spacing));
        let word = |word| TokenTree::from(Ident::new(word, self.place));
        let mut tokens = [
            colon(Spacing::Joint),
            colon(Spacing::Alone),
            word("core"),
            colon(Spacing::Joint),
            colon(Spacing::Alone),
            word("compile_error"),
            Punct::new('!', Spacing::Alone).into(),
            Group::new(Delimiter::Brace, message.into()).into(),
        ];
        tokens.iter_mut().for_each(|token| token.set_span(self.place));
        tokens.into_iter().collect()
    }
}
