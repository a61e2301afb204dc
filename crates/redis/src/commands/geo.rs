//! Places: sorted sets whose scores are points on the earth.
//!
//! Of Redis's own group these are left out, as [`geosearch`] and [`geosearchstore`] say the same: `GEORADIUS`,
//! `GEORADIUSBYMEMBER` and their like.

use bytes::Bytes;

use crate::commands::table::{commands, options};
use crate::{Command, Error, FromValue, ToArg, ToArgs, Value};

commands! { geo_methods;
    /// Adds places, or moves them: `geoadd("cities", [(Point::new(13.4, 52.5), "berlin")])`. Answers how many are
    /// new. [`Geoadd`] has conditions.
    ///
    /// Redis 3.2.
    Writes "GEOADD" geoadd(key: impl ToArg, places: impl ToArgs) -> u64 as Geoadd;

    /// How far it is from one place to another; `None` if one is missing.
    ///
    /// Redis 3.2.
    Reads "GEODIST" geodist(key: impl ToArg, from: impl ToArg, to: impl ToArg, unit: Unit) -> Option<f64>;

    /// The geohashes of places, in their order; `None` for each that is missing.
    ///
    /// Redis 3.2.
    Reads "GEOHASH" geohash(key: impl ToArg, places: impl ToArgs) -> Vec<Option<String>>;

    /// Where places are, in their order; `None` for each that is missing.
    ///
    /// Redis 3.2.
    Reads "GEOPOS" geopos(key: impl ToArg, places: impl ToArgs) -> Vec<Option<Point>>;

    /// The places in an area around a centre. [`Geosearch`] has an order, how many, and where they are.
    ///
    /// ```
    /// # use ekiden_redis::{Ask, Error};
    /// use ekiden_redis::commands::{Area, Centre, Point, Unit, geosearch};
    ///
    /// # async fn near(client: impl Ask<Error = Error>) -> Result<(), Error> {
    /// let near = geosearch::<String>("cities", Centre::At(Point::new(13.4, 52.5)), Area::Circle(300.0, Unit::Kilometres));
    /// for found in client.ask(near.asc().count(5).with_distance()).await? {
    ///     println!("{}: {} km", found.member, found.distance);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Redis 6.2.
    Reads "GEOSEARCH" geosearch<V>(key: impl ToArg, centre: Centre, area: Area) -> Vec<V> as Geosearch<Vec<V>>;

    /// Makes a set of what [`geosearch`] answers. Answers how many they are. [`Geosearchstore`] has distances as
    /// scores.
    ///
    /// Redis 6.2.
    Writes "GEOSEARCHSTORE" geosearchstore(
        destination: impl ToArg, source: impl ToArg, centre: Centre, area: Area,
    ) -> u64 as Geosearchstore;
}

options! {
    /// [`geoadd`] with its options. Redis 6.2.
    Geoadd at 2 -> u64 {
        /// Only new places.
        nx() = "NX";
        /// Only places that are there.
        xx() = "XX";
        /// Answers how many are new or have moved.
        ch() = "CH";
    }

    /// [`geosearch`] with its options.
    Geosearch<R> -> R {
        /// The nearest first.
        asc() = "ASC";
        /// The farthest first.
        desc() = "DESC";
        /// No more than so many, the first in the order; the nearest if none was said.
        count(count: u64) = "COUNT", count;
        /// No more than so many of any, which is cheaper.
        count_any(count: u64) = "COUNT", count, "ANY";
    }

    /// [`geosearchstore`] with its options.
    Geosearchstore -> u64 {
        /// The nearest first.
        asc() = "ASC";
        /// The farthest first.
        desc() = "DESC";
        /// No more than so many, the first in the order; the nearest if none was said.
        count(count: u64) = "COUNT", count;
        /// No more than so many of any, which is cheaper.
        count_any(count: u64) = "COUNT", count, "ANY";
        /// The scores are the distances to the centre, in the unit of the area, and the set is none of places.
        storedist() = "STOREDIST";
    }
}

impl<V> Geosearch<Vec<V>> {
    /// Answers how far each is from the centre, and where it is.
    pub fn with_distance(self) -> Geosearch<Vec<Found<V>>> {
        self.with(("WITHDIST", "WITHCOORD")).answering()
    }
}

/// A point on the earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// East of Greenwich; west is negative.
    pub longitude: f64,
    /// North of the equator; south is negative. Redis goes to some 85 degrees.
    pub latitude: f64,
}

/// Around what it is searched.
#[derive(Clone, Debug, PartialEq)]
pub enum Centre {
    /// That place of the set itself.
    Place(Bytes),
    /// That point.
    At(Point),
}

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Area {
    /// So far around the centre.
    Circle(f64, Unit),
    /// So wide and so high around the centre.
    Rectangle(f64, f64, Unit),
}

/// A unit of distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Metres.
    Metres,
    /// Kilometres.
    Kilometres,
    /// Miles.
    Miles,
    /// Feet.
    Feet,
}

/// A place that was found, of [`Geosearch::with_distance`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Found<V> {
    /// Which.
    pub member: V,
    /// How far it is from the centre, in the unit of the area.
    pub distance: f64,
    /// Where it is.
    pub point: Point,
}

impl Point {
    /// Longitude first, as on the wire.
    pub const fn new(longitude: f64, latitude: f64) -> Self {
        Self { longitude, latitude }
    }
}

impl ToArgs for Point {
    fn push_to(&self, command: &mut Command) {
        (self.longitude, self.latitude).push_to(command);
    }
}

impl FromValue for Point {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (longitude, latitude) = FromValue::from_value(value)?;
        Ok(Self { longitude, latitude })
    }
}

impl ToArgs for Centre {
    fn push_to(&self, command: &mut Command) {
        match self {
            Self::Place(member) => ("FROMMEMBER", member).push_to(command),
            Self::At(point) => ("FROMLONLAT", point).push_to(command),
        }
    }
}

impl ToArgs for Area {
    fn push_to(&self, command: &mut Command) {
        match self {
            Self::Circle(radius, unit) => ("BYRADIUS", (radius, unit)).push_to(command),
            Self::Rectangle(width, height, unit) => ("BYBOX", ((width, height), unit)).push_to(command),
        }
    }
}

impl ToArgs for Unit {
    fn push_to(&self, command: &mut Command) {
        let word = match self {
            Self::Metres => "m",
            Self::Kilometres => "km",
            Self::Miles => "mi",
            Self::Feet => "ft",
        };
        command.push(word.as_bytes());
    }
}

impl ToArg for Unit {}

impl<V: FromValue> FromValue for Found<V> {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (member, distance, point) = FromValue::from_value(value)?;
        Ok(Self { member, distance, point })
    }
}
