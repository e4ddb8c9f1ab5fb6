//! Our colours and letters, in the tokens of the design system. Made into a style sheet when the console is built: the
//! page's policy lets no script make one.

import { generateThemeStylesheet } from "@cloudscape-design/components/theming";

const WATER = { light: "#0b6b63", dark: "#4fd1c1" };
const DEEP_WATER = { light: "#084f49", dark: "#86e5d9" };
const ON_WATER = { light: "#ffffff", dark: "#06231f" };
const SHALLOWS = { light: "#e9f6f4", dark: "#0d2b28" };
const LETTERS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

export const themeStyle = generateThemeStylesheet({
  theme: {
    tokens: {
      fontFamilyBase: LETTERS,
      fontFamilyHeading: LETTERS,
      fontFamilyDisplay: LETTERS,
      fontFamilyMonospace: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace",
      colorBackgroundButtonPrimaryDefault: WATER,
      colorBackgroundButtonPrimaryHover: DEEP_WATER,
      colorBackgroundButtonPrimaryActive: DEEP_WATER,
      colorTextButtonPrimaryDefault: ON_WATER,
      colorTextButtonPrimaryHover: ON_WATER,
      colorTextButtonPrimaryActive: ON_WATER,
      colorTextButtonNormalDefault: WATER,
      colorTextButtonNormalHover: DEEP_WATER,
      colorTextButtonNormalActive: DEEP_WATER,
      colorBorderButtonNormalDefault: WATER,
      colorBorderButtonNormalHover: DEEP_WATER,
      colorBorderButtonNormalActive: DEEP_WATER,
      colorBackgroundButtonNormalHover: SHALLOWS,
      colorBackgroundButtonNormalActive: SHALLOWS,
      colorTextLinkDefault: WATER,
      colorTextLinkHover: DEEP_WATER,
      colorTextLinkButtonNormalDefault: WATER,
      colorTextLinkButtonNormalHover: DEEP_WATER,
      colorTextLinkButtonNormalActive: DEEP_WATER,
      colorTextAccent: WATER,
      colorBackgroundControlChecked: WATER,
      colorBackgroundToggleCheckedDisabled: SHALLOWS,
      colorBackgroundSegmentActive: WATER,
      colorBackgroundItemSelected: SHALLOWS,
      colorBorderItemSelected: WATER,
      colorBorderItemFocused: WATER,
    },
  },
});
