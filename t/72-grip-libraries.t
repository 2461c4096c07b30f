# SPDX-License-Identifier: Apache-2.0
#
# GRIP libraries publish here unchanged, as to a proxy: the npm packages
# @fanoutio/grip and @fanoutio/eventstream. The facts are in
# browser/grip-libraries.mjs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Driver;
use Test::More;

Driver::need($_) for qw(eventsource @fanoutio/grip @fanoutio/eventstream);

my $httpd = Driver::demo_httpd();
Driver::run('grip-libraries.mjs', $httpd);
is $httpd->stop, 0, 'httpd stops in good order';
done_testing;
