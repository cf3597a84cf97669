//! A payload as a picture that a phone or a scanner reads.

use super::signer::SignError;
use qrcode::render::svg;
use qrcode::{Color, EcLevel, QrCode};

/// Pixels a module has in a PNG: about 600 in all, enough to print at 5 cm.
const MODULE_PIXELS: usize = 8;
/// Light modules around the code, as the standard wants them.
const QUIET_MODULES: usize = 4;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum QrError {
    /// There is no payload to draw.
    #[error(transparent)]
    Unsigned(#[from] SignError),
    /// The payload is longer than a QR code can be.
    #[error("draw the code: {0}")]
    Code(#[from] qrcode::types::QrError),
    /// The picture could not be written.
    #[error("write the picture: {0}")]
    Png(#[from] png::EncodingError),
}

/// The code as SVG.
pub fn svg(payload: &str) -> Result<String, QrError> {
    let code = code(payload)?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(240, 240).quiet_zone(true).build())
}

/// The code as PNG, one bit a pixel.
pub fn png(payload: &str) -> Result<Vec<u8>, QrError> {
    let code = code(payload)?;
    let modules = code.width();
    let colors = code.to_colors();
    let pixels = (modules + 2 * QUIET_MODULES) * MODULE_PIXELS;
    let row_bytes = pixels.div_ceil(8);
    let mut data = vec![0xff; row_bytes * pixels];
    for (index, _) in colors.iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        let left = (index % modules + QUIET_MODULES) * MODULE_PIXELS;
        let top = (index / modules + QUIET_MODULES) * MODULE_PIXELS;
        for y in top..top + MODULE_PIXELS {
            for x in left..left + MODULE_PIXELS {
                data[y * row_bytes + x / 8] &= !(0x80 >> (x % 8));
            }
        }
    }
    let side = u32::try_from(pixels).expect("a QR code has at most 177 modules");
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&data)?;
    writer.finish()?;
    Ok(file)
}

/// Medium correction: a folded print still reads, and the code stays small.
fn code(payload: &str) -> Result<QrCode, QrError> {
    Ok(QrCode::with_error_correction_level(payload, EcLevel::M)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_pictures_show_the_same_modules() {
        let payload = "A".repeat(300);
        let code = code(&payload).expect("a code");
        let dark = code.to_colors().iter().filter(|color| **color == Color::Dark).count();

        let file = png(&payload).expect("a picture");
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("PNG");
        let mut data = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut data).expect("a frame");
        assert_eq!(info.width as usize, (code.width() + 8) * MODULE_PIXELS);
        let ink: u32 = data[..info.buffer_size()].iter().map(|byte| byte.count_zeros()).sum();
        assert_eq!(ink as usize, dark * MODULE_PIXELS * MODULE_PIXELS);

        let picture = svg(&payload).expect("a picture");
        assert!(picture.contains("<svg"), "{picture}");
        let modules = picture.matches('M').count();
        assert!(modules > 0 && modules <= dark, "{modules} shapes of {dark} dark modules");
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        assert!(matches!(png(&"a".repeat(4_000)), Err(QrError::Code(_))));
    }
}
