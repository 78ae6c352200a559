// A package is not there.

import lodash from "lodash";

export default lodash;
