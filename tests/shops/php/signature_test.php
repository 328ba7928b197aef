<?php
use PointSync\Feed\Signature;

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const BODY   = '{"test": 2432232314}';

function test_the_example_of_standard_webhooks_is_valid(): void {
	$right = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
	same( true, Signature::is_valid( SECRET, 'msg_p5jXN8AQM9LWM0D4loKWxJek', '1614265330', BODY, $right, 1614265330 ) );
	same( true, Signature::is_valid( SECRET, 'msg_p5jXN8AQM9LWM0D4loKWxJek', '1614265330', BODY, 'v1,AAAA ' . $right, 1614265600 ) );
}
function test_anything_that_was_changed_is_refused(): void {
	$right = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
	$id    = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
	$now   = 1614265330;
	same( false, Signature::is_valid( SECRET, $id, '1614265330', BODY . ' ', $right, $now ), 'body' );
	same( false, Signature::is_valid( SECRET, 'msg_other', '1614265330', BODY, $right, $now ), 'id' );
	same( false, Signature::is_valid( SECRET, $id, '1614265331', BODY, $right, $now ), 'time' );
	same( false, Signature::is_valid( 'whsec_AAAA', $id, '1614265330', BODY, $right, $now ), 'secret' );
	same( false, Signature::is_valid( '', $id, '1614265330', BODY, $right, $now ), 'no secret' );
	same( false, Signature::is_valid( 'whsec_', $id, '1614265330', BODY, 'v1,' . base64_encode( hash_hmac( 'sha256', "$id.1614265330." . BODY, '', true ) ), $now ), 'empty secret' );
	same( false, Signature::is_valid( SECRET, $id, '1614265330', BODY, '', $now ), 'no signature' );
}
function test_an_old_message_is_refused(): void {
	$right = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
	foreach ( array( 1614265330 + 301, 1614265330 - 301 ) as $now ) {
		same( false, Signature::is_valid( SECRET, 'msg_p5jXN8AQM9LWM0D4loKWxJek', '1614265330', BODY, $right, $now ) );
	}
}
